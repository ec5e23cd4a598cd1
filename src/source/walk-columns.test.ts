import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOfKey } from '../posix/directory.ts'
import { FILE_KINDS, type FileStat } from '../posix/stat.ts'
import { OP, WalkColumnsReader, WalkRecorder } from './walk-columns.ts'
import { WalkPlace } from './walk-place.ts'

const PLAIN = { noNullPrototype: true }
const time = fc.record({ sec: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), nsec: fc.nat(999_999_999) }, PLAIN)
const wide = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const u32 = fc.nat(2 ** 32 - 1)
const stat: fc.Arbitrary<FileStat> = fc.record(
  {
    kind: fc.constantFrom(...FILE_KINDS),
    mode: fc.nat(0o7777),
    uid: u32,
    gid: u32,
    size: fc.nat(Number.MAX_SAFE_INTEGER),
    mtime: time,
    ctime: time,
    btime: fc.option(time, { nil: undefined }),
    ino: wide,
    dev: wide,
    nlink: u32,
    rdev: fc.record({ major: u32, minor: u32 }, PLAIN),
    blocks512: fc.nat(Number.MAX_SAFE_INTEGER),
    attributes: wide,
    mountId: u32,
  },
  PLAIN,
)
const key = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

test('steps come out as they went in: names of any bytes, stats with any numbers, in order', () => {
  const step = fc.oneof(
    fc.record({ op: fc.constant(OP.file), key, stat }),
    fc.record({ op: fc.constantFrom(OP.enter, OP.other), key, stat, flags: fc.nat() }),
    fc.record({ op: fc.constantFrom(OP.leave, OP.leavePartial) }),
    fc.record({ op: fc.constant(OP.excluded), path: fc.uint8Array() }),
    fc.record({ op: fc.constant(OP.problem), text: fc.string() }),
  )
  const top = WalkPlace.top()
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const recorder = new WalkRecorder(50)
      // What an earlier stretch left behind must not show in the next.
      recorder.file('earlier', steps.find((each) => 'stat' in each)?.stat ?? anyStat)
      recorder.take()
      for (const each of steps) {
        if ('path' in each) recorder.excluded(each.path)
        else if ('text' in each)
          recorder.problem({ path: new Uint8Array(0), code: 0, errno: undefined, text: each.text })
        else if (!('stat' in each)) recorder.leave(each.op === OP.leave)
        else if (each.op === OP.file) recorder.file(each.key, each.stat)
        else
          recorder[each.op === OP.enter ? 'enter' : 'other'](each.key, each.stat, {
            flags: (each as { flags: number }).flags,
          })
      }
      assert.equal(recorder.size, steps.length)
      const reader = new WalkColumnsReader(structuredClone(recorder.take()))
      for (const each of steps) {
        assert.equal(reader.next(), each.op)
        if ('path' in each) assert.deepEqual(reader.excluded(), each.path)
        if ('text' in each) assert.equal(reader.problem().text, each.text)
        if (!('stat' in each)) continue
        const found = reader.found(top)
        assert.deepEqual([found.key, found.stat], [each.key, each.stat])
        assert.deepEqual(found.name, bytesOfKey(each.key))
        if ('flags' in each) assert.deepEqual(reader.extras(), { flags: each.flags })
      }
      assert.equal(reader.next(), undefined)
    }),
  )
})

const anyStat = fc.sample(stat, { numRuns: 1, seed: 1 })[0]!
