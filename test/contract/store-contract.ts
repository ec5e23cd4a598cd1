// What every store promises (src/store/store.ts), as tests. Every store and every wrapper runs all of them.
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { BackupError, type ErrorCode } from '../../src/base/errors.ts'
import { LIST_PAGE_MAX, listAll, NAME_LENGTH_MAX, OBJECT_SIZE_MAX, type Store } from '../../src/store/store.ts'

export interface Pair {
  /** The store under test. */
  readonly store: Store
  /** Puts objects there; the store under test itself unless that is read-only. */
  readonly writer: Store
}

/** Makes an empty store; cleaning up goes to `t.after`. */
export type MakeStore = (t: TestContext) => Promise<Store | Pair>

export function storeContract(name: string, makeStore: MakeStore, opts: { readonly readOnly?: boolean } = {}): void {
  const make = async (t: TestContext): Promise<Pair> => {
    const made = await makeStore(t)
    return 'writer' in made ? made : { store: made, writer: made }
  }
  describe(`${name} keeps the store contract`, () => {
    readingContract(make)
    listingContract(make)
    namesContract(make)
    if (opts.readOnly) readOnlyContract(make)
    else writingContract(make)
  })
}

export function rejectsWith(code: ErrorCode, promise: Promise<unknown>, about?: string): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof BackupError, `not a BackupError: ${String(error)}`)
    assert.equal(error.code, code, error.message)
    if (about !== undefined) assert.ok(error.message.includes(about), `${error.message} does not name ${about}`)
    return true
  })
}

type Make = (t: TestContext) => Promise<Pair>

const PACK = 'data/ab/abcdef'

function readingContract(make: Make): void {
  test('an object is the concatenation of its parts', async (t) => {
    const { store, writer } = await make(t)
    const memory = pattern(100)
    const parts = [memory.subarray(0, 7), new Uint8Array(0), memory.subarray(7, 64), memory.subarray(64)]
    assert.deepEqual(await writer.put(PACK, parts), { created: true })
    assert.deepEqual(await store.get(PACK), memory)
    const info = await store.stat(PACK)
    assert.equal(info?.name, PACK)
    assert.equal(info?.size, 100)
    assert.ok(Number.isInteger(info?.receivedMs))
  })

  test('a range gives exactly its bytes, and an object that ends before is corrupt', async (t) => {
    const { store, writer } = await make(t)
    const n = 1000
    const bytes = pattern(n)
    await writer.put(PACK, [bytes])
    for (const [offset, length] of [
      [0, 0],
      [0, 1],
      [0, n - 1],
      [0, n],
      [1, n - 1],
      [n - 1, 1],
      [n, 0],
      [n - 1, 0],
      [17, 300],
    ] as const) {
      assert.deepEqual(await store.get(PACK, { offset, length }), bytes.subarray(offset, offset + length))
    }
    for (const [offset, length] of [
      [0, n + 1],
      [1, n],
      [n - 1, 2],
      [n, 1],
      [n + 1, 1],
      [2 ** 40, 1],
    ] as const) {
      await rejectsWith('corrupt', store.get(PACK, { offset, length }), PACK)
    }
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, NaN],
      [Infinity, 1],
    ] as const) {
      await rejectsWith('usage', store.get(PACK, { offset, length }), PACK)
    }
    await rejectsWith('limit', store.get(PACK, { offset: 0, length: OBJECT_SIZE_MAX + 1 }), PACK)
  })

  test('what is not there is not-found, null and no range', async (t) => {
    const { store, writer } = await make(t)
    await writer.put(PACK, [pattern(3)])
    for (const name of ['data/ab/abcdeg', 'data/ac/abcdef', 'snap/00/1', 'data/ab']) {
      await rejectsWith('not-found', store.get(name), name)
      await rejectsWith('not-found', store.get(name, { offset: 0, length: 1 }), name)
      assert.equal(await store.stat(name), null)
    }
  })

  test('an empty object is there', async (t) => {
    const { store, writer } = await make(t)
    for (const [name, parts] of [
      ['sess/aa', []],
      ['sess/bb', [new Uint8Array(0)]],
    ] as const) {
      assert.deepEqual(await writer.put(name, parts), { created: true })
      assert.deepEqual(await store.get(name), new Uint8Array(0))
      assert.equal((await store.stat(name))?.size, 0)
      await rejectsWith('corrupt', store.get(name, { offset: 0, length: 1 }), name)
    }
    assert.deepEqual(await names(store, ''), ['sess/aa', 'sess/bb'])
  })

  test('bytes handed out and bytes handed in are not shared', async (t) => {
    const { store, writer } = await make(t)
    const bytes = pattern(50)
    await writer.put(PACK, [bytes])
    bytes.fill(0)
    const got = await store.get(PACK)
    assert.deepEqual(got, pattern(50))
    assert.equal(got.byteLength, got.buffer.byteLength, 'shares its memory with something else')
    assert.equal(Object.getPrototypeOf(got), Uint8Array.prototype, 'slice would not copy')
    got.fill(0)
    assert.deepEqual(await store.get(PACK), pattern(50))
  })

  test('a large object in thousands of parts comes back whole and in ranges', async (t) => {
    const { store, writer } = await make(t)
    const bytes = pattern(33 * 1024 * 1024 + 5)
    const parts: Uint8Array[] = []
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 25_013) {
      parts.push(bytes.subarray(at, at + size))
    }
    assert.ok(parts.length > 2048, 'more parts than one call of writev takes')
    assert.deepEqual(await writer.put(PACK, parts), { created: true })
    assert.ok(Buffer.from((await store.get(PACK)).buffer).equals(bytes), 'whole')
    const range = { offset: 1024 * 1024 * 16 - 3, length: 1024 * 1024 }
    assert.deepEqual(await store.get(PACK, range), bytes.subarray(range.offset, range.offset + range.length))
  })
}

function listingContract(make: Make): void {
  test('a list is in ascending order of name and takes any leading part of a name', async (t) => {
    const { store, writer } = await make(t)
    // In the order of bytes: `-` and `.` come before `/`, so a folder is not listed where its name without slash sorts.
    const all = [
      'data/00/aa',
      'data/0a/aa',
      'data/0a/ab',
      'data/aa/00',
      'sess/aa',
      'sess/aa-1',
      'sess/aa.end',
      'sess/aa.hb1',
      'sess/ab',
      'sess/ab-x/1',
      'sess/ab.x/1',
      'sess/ab0',
      'sess/b/1',
      'snap/0a/1-a',
      'snap/0a/2-b',
      'snap/0b/1-c',
    ]
    for (const name of all.toReversed()) {
      await writer.put(name, [pattern(1)])
    }
    const sorted = all.toSorted()
    const prefixes = [
      '',
      'd',
      'data',
      'data/',
      'data/0',
      'data/00/',
      'data/0a/a',
      'data/0a/ab',
      'data/0a/abc',
      'sess/a',
      'sess/aa',
      'sess/aa.',
      'sess/ab',
      'sess/ab-',
      'sess/b/',
      'snap/0a/2',
      'snap/0',
      'snap/1',
      'index/',
      'gc',
      'data/0a/ab/c/d',
    ]
    for (const prefix of prefixes) {
      const expected = sorted.filter((name) => name.startsWith(prefix))
      assert.deepEqual(await names(store, prefix), expected, JSON.stringify(prefix))
    }
    const page = await store.list('snap/0a/')
    assert.deepEqual(
      page.objects.map((object) => object.size),
      [1, 1],
    )
    assert.equal(page.cursor, undefined)
  })

  test('a list of more than a page goes on where the page ended, whatever came and went in between', async (t) => {
    const { store, writer } = await make(t)
    const name = (n: number) => `index/${String(n).padStart(5, '0')}`
    const put = (from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, n) => writer.put(name(from + n), [])))
    await put(0, LIST_PAGE_MAX - 1)
    assert.equal((await store.list('index/')).objects.length, LIST_PAGE_MAX - 1)
    await put(LIST_PAGE_MAX - 1, LIST_PAGE_MAX)
    const full = await store.list('index/')
    assert.equal(full.objects.length, LIST_PAGE_MAX)
    assert.equal(full.cursor, undefined, 'that was all')
    await writer.put('sess/aa', [])
    await writer.put('data/aa/bb', [])
    await put(LIST_PAGE_MAX, LIST_PAGE_MAX + 1)
    for (const prefix of ['index/', '']) {
      const expected = Array.from({ length: LIST_PAGE_MAX + 1 }, (_, n) => name(n))
      const around = prefix === '' ? ['data/aa/bb', ...expected, 'sess/aa'] : expected
      assert.deepEqual(await names(store, prefix), around)
    }
    const first = await store.list('index/')
    assert.ok(first.cursor !== undefined)
    await writer.delete(name(LIST_PAGE_MAX))
    assert.deepEqual((await store.list('index/', first.cursor)).objects, [])
    await writer.put(name(LIST_PAGE_MAX + 7), [])
    assert.deepEqual(await names(store, 'index/0100'), [name(LIST_PAGE_MAX + 7)])
  })
}

function namesContract(make: Make): void {
  test('names that are none are refused by every operation', async (t) => {
    const { store, writer } = await make(t)
    const long = `data/${'a'.repeat(NAME_LENGTH_MAX - 5)}`
    await writer.put(long, [pattern(1)])
    assert.deepEqual(await names(store, ''), [long])
    const bad = [
      '',
      '/',
      'data',
      'data/',
      '/data/aa',
      'data//aa',
      '../aa',
      'data/../aa',
      'data/./aa',
      'data/..',
      'data/.',
      'data/aa/',
      'Data/aa',
      'data/aA',
      'data/a a',
      'data/a\\b',
      'data/a\0',
      'data/é',
      'data/a\n',
      'tmp/aa',
      'data/.aa',
      'data/-aa',
      'a/b/c/d/e/f',
      `${long}a`,
      'data/a%2e',
      'c:/aa',
      'data/aa\u2028',
    ]
    for (const name of bad) {
      await rejectsWith('usage', store.put(name, []))
      await rejectsWith('usage', store.get(name))
      await rejectsWith('usage', store.stat(name))
      await rejectsWith('usage', store.delete(name))
    }
    for (const prefix of ['/', '..', '../', 'data/..', 'data//', 'data/.', './', 'Data/', 'tmp/', 'tmp', `${long}aa`]) {
      await rejectsWith('usage', store.list(prefix))
    }
    assert.deepEqual(await names(store, ''), [long])
  })
}

function readOnlyContract(make: Make): void {
  test('a store that is read-only refuses every change', async (t) => {
    const { store, writer } = await make(t)
    await writer.put(PACK, [pattern(3)])
    await rejectsWith('refused', store.put('data/ab/ff', [pattern(3)]), 'data/ab/ff')
    await rejectsWith('refused', store.put(PACK, [pattern(3)]), PACK)
    await rejectsWith('refused', store.delete(PACK), PACK)
    assert.deepEqual(await names(writer, ''), [PACK])
  })
}

function writingContract(make: Make): void {
  const writing = (sentence: string, run: (store: Store) => Promise<void>): void => {
    test(sentence, async (t) => run((await make(t)).store))
  }

  writing('an object that is there is never overwritten', async (store) => {
    assert.deepEqual(await store.put(PACK, [pattern(10)]), { created: true })
    const before = await store.stat(PACK)
    assert.deepEqual(await store.put(PACK, [pattern(20)]), { created: false })
    assert.deepEqual(await store.get(PACK), pattern(10))
    assert.deepEqual(await store.stat(PACK), before)
  })

  writing('of puts of one name at the same time exactly one makes the object', async (store) => {
    for (let round = 0; round < 5; round++) {
      const name = `keys/${round}`
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) => store.put(name, [Uint8Array.of(n), pattern(1000 + n)])),
      )
      const winner = results.findIndex((result) => result.created)
      assert.equal(results.filter((result) => result.created).length, 1)
      assert.deepEqual(await store.get(name), new Uint8Array([winner, ...pattern(1000 + winner)]))
    }
  })

  writing('a deleted object is gone, can be made again, and deleting it twice says so', async (store) => {
    await store.put(PACK, [pattern(10)])
    await store.put('data/ab/ff', [pattern(1)])
    assert.equal(await store.delete(PACK), true)
    assert.equal(await store.delete(PACK), false)
    assert.equal(await store.delete('data/ab'), false)
    assert.equal(await store.stat(PACK), null)
    await rejectsWith('not-found', store.get(PACK), PACK)
    assert.deepEqual(await names(store, ''), ['data/ab/ff'])
    assert.deepEqual(await store.put(PACK, [pattern(20)]), { created: true })
    assert.deepEqual(await store.get(PACK), pattern(20))
  })

  writing('an object that is there can be kept, and one that is not is not made by that', async (store) => {
    await store.put(PACK, [pattern(10)])
    assert.equal(await store.keep(PACK), true)
    assert.deepEqual(await store.get(PACK), pattern(10))
    await store.delete(PACK)
    assert.equal(await store.keep(PACK), false)
    assert.equal(await store.keep('data/ab'), false)
    assert.equal(await store.keep('snap/aa/bb'), false)
    assert.deepEqual(await names(store, ''), [])
  })

  writing('the largest object is taken, one byte more is not', async (store) => {
    const mebibyte = pattern(1024 * 1024)
    const parts = Array.from({ length: OBJECT_SIZE_MAX / mebibyte.length }, () => mebibyte)
    await rejectsWith('limit', store.put(PACK, [...parts, Uint8Array.of(1)]), PACK)
    assert.equal(await store.stat(PACK), null)
    await store.put(PACK, parts)
    assert.equal((await store.get(PACK)).byteLength, OBJECT_SIZE_MAX)
  })

  writing('any sequence of operations does what it would do to a map', async (store) => {
    const names = ['data/a/0', 'data/a/1', 'data/b/0', 'keys/0', 'sess/0', 'sess/0.end']
    const step = fc.tuple(fc.constantFrom('put', 'get', 'delete', 'list'), fc.constantFrom(...names), fc.nat(40))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const model = new Map<string, Uint8Array>()
        for (const [kind, name, size] of steps) {
          const kept = model.get(name)
          if (kind === 'put') {
            assert.equal((await store.put(name, [pattern(size)])).created, kept === undefined)
            model.set(name, kept ?? pattern(size))
          } else if (kind === 'delete') {
            assert.equal(await store.delete(name), model.delete(name))
          } else if (kind === 'get') {
            if (kept === undefined) await rejectsWith('not-found', store.get(name))
            else assert.deepEqual(await store.get(name), kept)
          } else {
            const prefix = name.slice(0, size % (name.length + 1))
            const expected = [...model.keys()].filter((each) => each.startsWith(prefix)).sort()
            assert.deepEqual(
              (await store.list(prefix)).objects.map((object) => object.name),
              expected,
            )
          }
        }
        for (const name of model.keys()) await store.delete(name)
      }),
      { numRuns: 12 },
    )
  })
}

/** Bytes that differ from place to place, the same each time. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let n = 0; n < length; n++) bytes[n] = (n * 31 + (n >>> 8) * 17 + (n >>> 16) * 7) & 0xff
  return bytes
}

async function names(store: Store, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const object of listAll(store, prefix)) found.push(object.name)
  return found
}
