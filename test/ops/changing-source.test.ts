// Files that change under the backup's hands: between the listing and the reading, and while they are read. The reader is
// wrapped, so that each change happens at the same moment in every run.
import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { textOfBytes } from '../../src/cli/native-text.ts'
import type { FileReader, OpenFile } from '../../src/ops/backup/file-reader.ts'
import { posixFileReader } from '../../src/ops/backup/posix-file-reader.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { requireLinux } from '../support/requirements.ts'
import { backUp, type ScratchBackup } from '../support/scratch-backup.ts'
import { fileWith, ScratchRepository, type SnapshotContent } from '../support/scratch-repository.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { randomBytes } from '../support/torture-content.ts'

const MIB = 1024 * 1024
/** Read as a whole by one worker; read in segments. */
const SIZES = { small: 300_000, large: 20 * MIB }

interface Hooks {
  /** Before a file is opened: the walk has seen it. */
  readonly opening?: (path: string) => void
  /** Before each read of a file. */
  readonly reading?: (path: string, position: number) => void
}

function watched({ opening, reading }: Hooks): FileReader {
  return {
    open(bytes): OpenFile {
      const path = textOfBytes(bytes)
      opening?.(path)
      const file = posixFileReader.open(bytes)
      return {
        opened: file.opened,
        read: (arena, offset, length, position) => {
          reading?.(path, position)
          return file.read(arena, offset, length, position)
        },
        stat: () => file.stat(),
        data: (position, size) => file.data(position, size),
        attributes: () => file.attributes(),
        close: () => file.close(),
      }
    },
  }
}

/** A source with the files `before`, `changing` and `zafter`; `changing` has this content. */
async function prepare(t: TestContext, content: Uint8Array) {
  const folder = tempFolder(t, 'changing')
  const scratch = await ScratchRepository.create(folder)
  const source = join(folder, 'source')
  mkdirSync(source)
  const changing = join(source, 'changing')
  for (const name of ['before', 'zafter']) writeFileSync(join(source, name), `${name} stays`)
  writeFileSync(changing, content)
  const others = {
    [source]: 'directory',
    [join(source, 'before')]: fileWith('before stays'),
    [join(source, 'zafter')]: fileWith('zafter stays'),
  }
  const state = memoryState()
  const run = async (hooks: Hooks): Promise<ScratchBackup & { readonly content: SnapshotContent }> => {
    const result = await backUp(scratch, [source], { reader: watched(hooks), state })
    return { ...result, content: (await scratch.readAll()).at(-1)! }
  }
  return { folder, scratch, source, changing, others, run }
}

/** Does something at the first call for this path only. */
function once(wanted: string, act: () => void): (path: string) => void {
  let done = false
  return (path) => {
    if (done || path !== wanted) return
    done = true
    act()
  }
}

for (const [size, bytes] of Object.entries(SIZES)) {
  const original = randomBytes(bytes, 1)

  test(`a ${size} file that vanishes after it was listed is left out with a word, and nothing is missing`, async (t) => {
    const { changing, others, run } = await prepare(t, original)
    const { body, problems, content } = await run({ opening: once(changing, () => rmSync(changing)) })
    assert.equal(body.partial, false)
    assert.deepEqual(problems, [
      `warning not-found ${changing}: was there when its directory was listed and is gone now`,
    ])
    assert.deepEqual(content, others)
  })

  test(`what takes the place of a ${size} file is never opened or followed: it is named and the rest stored`, async (t) => {
    if (!requireLinux(t)) return
    const { folder, changing, others, run } = await prepare(t, original)
    const secret = join(folder, 'secret')
    writeFileSync(secret, randomBytes(bytes, 2))
    const replacements: Record<string, { make: () => void; says: RegExp; then: string }> = {
      symlink: { make: () => symlinkSync(secret, changing), says: /ELOOP/, then: `symlink ${secret}` },
      fifo: { make: () => void system(folder, 'mkfifo', changing), says: /now a fifo/, then: 'fifo' },
      directory: { make: () => mkdirSync(changing), says: /now a directory/, then: 'directory' },
      device: { make: () => void system(folder, 'mknod', changing, 'c', '1', '5'), says: /now a char/, then: 'char' },
    }
    for (const [kind, { make, says, then }] of Object.entries(replacements)) {
      if (kind === 'device' && process.getuid?.() !== 0) continue
      rmSync(changing, { recursive: true })
      writeFileSync(changing, original)
      const replace = once(changing, () => {
        rmSync(changing)
        make()
      })
      const { body, problems, content } = await run({ opening: replace })
      assert.equal(body.partial, true, kind)
      assert.equal(body.troubleCount, 1)
      assert.equal(textOfBytes(body.troubles[0]!.path), changing)
      assert.equal(problems.length, 1)
      assert(problems[0]!.startsWith(`error io ${changing}: `), problems[0])
      assert.match(problems[0]!, says)
      assert.deepEqual(content, { ...others, [changing]: 'file unread' })

      const next = await run({})
      assert.equal(next.body.partial, false)
      assert.deepEqual(next.content, { ...others, [changing]: then })
    }
  })

  test(`a ${size} file that another takes the place of is stored as the one or the other`, async (t) => {
    const { folder, changing, others, run } = await prepare(t, original)
    const newer = randomBytes(bytes - 1000, 3)
    const replace = once(changing, () => {
      writeFileSync(join(folder, 'newer'), newer)
      renameSync(join(folder, 'newer'), changing)
    })
    const { body, content } = await run({ opening: replace })
    assert.equal(body.partial, false)
    assert.deepEqual(content, { ...others, [changing]: fileWith(newer) })
  })

  test(`a ${size} file that is written to once while it is read is read again and stored as it is then`, async (t) => {
    const { changing, others, run } = await prepare(t, original)
    const changes: Record<string, () => void> = {
      longer: () => appendFileSync(changing, 'more'),
      shorter: () => truncateSync(changing, bytes - 100_000),
      empty: () => truncateSync(changing, 0),
      'large again': () => truncateSync(changing, 17 * MIB),
    }
    for (const [kind, change] of Object.entries(changes)) {
      const { body, problems, content } = await run({ reading: once(changing, change) })
      assert.deepEqual({ kind, problems, partial: body.partial }, { kind, problems: [], partial: false })
      const now = readFileSync(changing)
      assert.deepEqual(content, { ...others, [changing]: fileWith(now) }, kind)
      touchLongAgo(changing)
    }
  })

  test(`a ${size} file that grows faster than it is read comes to an end and is named`, async (t) => {
    const { changing, others, run } = await prepare(t, original)
    let grown = 0
    const grow = (path: string) => {
      if (path !== changing) return
      appendFileSync(changing, new Uint8Array(100_000))
      grown += 100_000
    }
    const { body, problems, content } = await run({ reading: grow })
    assert.equal(body.partial, true)
    assert.deepEqual(problems, [`error io ${changing}: changed while it was read, every time it was tried`])
    assert(grown < 100 * MIB, 'it was not followed for long')
    const { [changing]: stored, ...rest } = content
    assert.match(stored!, /^file [0-9a-f]{64}$/, 'what was read of it is kept')
    assert.deepEqual(rest, others)
    assert(statSync(changing).size > bytes)
  })

  test(`a folder that becomes a symlink after a ${size} file was listed in it lets nothing in from elsewhere`, async (t) => {
    const { folder, scratch, source } = await prepare(t, new Uint8Array(10))
    const elsewhere = join(folder, 'elsewhere')
    const inside = join(source, 'folder')
    for (const path of [elsewhere, inside]) mkdirSync(path)
    writeFileSync(join(elsewhere, 'file'), randomBytes(bytes + 1, 4), { mode: 0o600 })
    writeFileSync(join(inside, 'file'), original)
    const swap = once(join(inside, 'file'), () => {
      renameSync(inside, `${inside}-moved`)
      symlinkSync(elsewhere, inside)
    })
    const { problems } = await backUp(scratch, [source], { reader: watched({ opening: swap }) })
    assert.deepEqual(problems, [
      `warning not-found ${join(inside, 'file')}: was there when its directory was listed and is gone now`,
    ])
    const content = (await scratch.readAll()).at(-1)!
    assert.equal(content[inside], 'directory')
    assert.equal(content[join(inside, 'file')], undefined)
  })
}

test('special files are stored as what they are and never opened', async (t) => {
  if (!requireLinux(t)) return
  const { source, others, changing, run } = await prepare(t, new Uint8Array(10))
  const special = join(source, 'special')
  mkdirSync(special)
  system(special, 'mkfifo', 'fifo')
  symlinkSync('/dev/zero', join(special, 'symlink'))
  const socket = createServer()
  await new Promise<void>((resolve) => socket.listen(join(special, 'socket'), resolve))
  t.after(() => socket.close())
  const devices = process.getuid?.() === 0 ? { zero: 'c 1 5', tape: 'c 9 0', disk: 'b 7 250' } : {}
  for (const [name, numbers] of Object.entries(devices)) system(special, 'mknod', name, ...numbers.split(' '))
  const opened: string[] = []
  const { body, problems, content } = await run({ opening: (path) => void opened.push(basename(path)) })
  assert.deepEqual({ problems, partial: body.partial }, { problems: [], partial: false })
  assert.deepEqual(opened.sort(), ['before', 'changing', 'zafter'])
  const kinds: Record<string, string> = { fifo: 'fifo', symlink: 'symlink /dev/zero', socket: 'socket' }
  for (const [name, numbers] of Object.entries(devices)) kinds[name] = numbers.startsWith('c') ? 'char' : 'block'
  const expected = Object.entries(kinds).map(([name, kind]) => [join(special, name), kind])
  const file = { [changing]: fileWith(new Uint8Array(10)) }
  assert.deepEqual(content, { ...others, ...file, [special]: 'directory', ...Object.fromEntries(expected) })
})

/** So that the next backup does not take the file for one that may just have changed. */
function touchLongAgo(path: string): void {
  utimesSync(path, 1, 1)
}
