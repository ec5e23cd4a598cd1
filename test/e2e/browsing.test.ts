// Looking into snapshots with the real program: what people see, and what programs read.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, after, test } from 'node:test'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Program } from '../support/program.ts'

type Line = Record<string, unknown>

const folder = mkdtempSync(join(tmpdir(), 'holdfast-browsing-'))
const source = join(folder, 'data')
const program = new Program(folder)
const raw = Buffer.concat([Buffer.from('caf'), Buffer.from([0xe9]), Buffer.from('.txt')])
const ids: string[] = []

const lines = (...args: string[]): Line[] =>
  program
    .expect(0, ...args, '--json')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ type }) => type !== 'progress')

function backup(...flags: string[]): Line {
  const summary = lines('backup', source, ...flags).at(-1)!
  ids.push(summary['id'] as string)
  return summary
}

let first: Line
let second: Line

before(() => {
  program.expect(0, 'init')
  mkdirSync(join(source, 'folder'), { recursive: true })
  writeFileSync(join(source, 'folder/report.odt'), 'version 1')
  writeFileSync(join(source, 'kept'), 'the same')
  writeFileSync(join(source, 'gone'), 'soon')
  writeFileSync(Buffer.concat([Buffer.from(`${source}/`), raw]), 'latin 1')
  symlinkSync('kept', join(source, 'link'))
  first = backup('--tag', 'first', '--tag', 'both', '--description', 'how it began')
  writeFileSync(join(source, 'folder/report.odt'), 'version two')
  rmSync(join(source, 'gone'))
  chmodSync(join(source, 'kept'), 0o600)
  writeFileSync(join(source, 'new'), Buffer.alloc(5000, 7))
  second = backup('--tag', 'both')
})

after(() => rmSync(folder, { recursive: true }))

test('a backup tells programs what it stored', () => {
  assert.equal(first['v'], 1)
  assert.deepEqual(
    [first['type'], first['files'], first['directories'], first['others'], first['new_files'], first['partial']],
    ['summary', 4, 2, 1, 4, false],
  )
  assert.deepEqual([second['new_files'], second['parent']], [1, ids[0]])
  assert.deepEqual(first['sources'], [{ path: source }])
})

test('snapshots are listed oldest first, and chosen by tag, host, source and number', () => {
  const listed = lines('snapshots')
  assert.deepEqual(
    listed.map(({ id }) => id),
    ids,
  )
  const { tags, description, confirmed, host } = listed[0]!
  assert.deepEqual(
    { tags, description, confirmed },
    { tags: ['first', 'both'], description: 'how it began', confirmed: true },
  )
  assert.equal(lines('snapshots', '--tag', 'first').length, 1)
  assert.equal(lines('snapshots', '--tag', 'both', '--tag', 'first').length, 1)
  assert.equal(lines('snapshots', '--last', '1')[0]!['id'], ids[1])
  assert.equal(lines('snapshots', '--host', String(host)).length, 2)
  assert.equal(lines('snapshots', '--host', 'another').length, 0)
  assert.equal(lines('snapshots', '--source', join(source, 'folder')).length, 2)
  assert.equal(lines('snapshots', '--source', '/nowhere').length, 0)
  assert.match(program.shell(`cd '${folder}' && "$HOLDFAST" snapshots --source data/folder`).stdout, /\/data /)
  assert.equal(program.run('snapshots', '--tag', 'none').stderr, 'no snapshot is what these flags ask for\n')
  const table = program.expect(0, 'snapshots')
  assert.match(table, /^ID +TIME +HOST +FILES +SIZE +STORED +SOURCES\n/)
  assert.match(table, new RegExp(`^${ids[0]!.slice(0, 10)} .* ${source} \\[#first\\] \\[#both\\]$`, 'm'))
})

test('files are listed with a name that is no UTF-8 escaped for people and whole for programs', () => {
  const text = program.expect(0, 'ls', `latest:${source}`)
  assert.deepEqual(text.trim().split('\n'), [
    `${source}/caf\\xe9.txt`,
    `${source}/folder/`,
    `${source}/kept`,
    `${source}/link`,
    `${source}/new`,
  ])
  const entry = lines('ls', `latest:${source}`)[0]!
  assert.equal(entry['path'], `${source}/caf\ufffd.txt`)
  assert.deepEqual(Buffer.from(String(entry['path_bytes']), 'base64').subarray(-8), raw)
  assert.match(program.expect(0, 'ls', '-l', 'latest:data/link'), /^lrwxrwxrwx .* \S+\/link -> kept$/m)
})

test('entries have all their attributes in JSON', () => {
  const entry = lines('ls', 'latest:data/kept')[0]!
  assert.deepEqual([entry['type'], entry['kind'], entry['mode'], entry['size']], ['entry', 'file', '0600', 8])
  assert.match(String(entry['mtime']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
})

test('a file is printed as it was in the snapshot that is asked for', () => {
  assert.equal(program.expect(0, 'cat', `${ids[0]}:data/folder/report.odt`), 'version 1')
  assert.equal(program.expect(0, 'cat', 'latest:data/folder/report.odt'), 'version two')
  assert.equal(program.expect(0, 'cat', 'latest:data/new'), '\x07'.repeat(5000))
  assert.match(program.run('cat', 'latest:data/folder').stderr, /a directory has no content to print/)
  assert.match(program.run('cat', 'latest').stderr, /a directory has no content to print: \/\n/)
  assert.equal(program.run('cat', 'latest:data/nothing').status, 6)
  assert.match(program.run('ls', '3').stderr, /the beginning of an id, 4 digits at least: 3\n/)
})

test('a name that is no UTF-8 can be typed like any other', () => {
  assert.equal(program.shell(`"$HOLDFAST" cat $'latest:data/caf\\xe9.txt'`).stdout, 'latin 1')
  assert.match(program.shell(`"$HOLDFAST" find $'*\\xe9*'`).stdout, /\/data\/caf\\xe9\.txt /)
  const refused = program.shell(`"$HOLDFAST" restore latest --target $'/tmp/\\xe9'`)
  assert.equal(refused.status, 10)
})

test('differences are marked for people and typed for programs', () => {
  const text = program.expect(0, 'diff', '--metadata', ids[0]!.slice(0, 8), 'latest')
  const shown = text.split('\n').filter((line) => /^[-+MUT] /.test(line))
  assert.deepEqual(shown, [
    `U ${source}/`,
    `M ${source}/folder/report.odt`,
    `- ${source}/gone`,
    `U ${source}/kept`,
    `+ ${source}/new`,
  ])
  const changes = lines('diff', ids[0]!, ids[1]!)
  const summary = changes.at(-1)!
  assert.deepEqual([summary['added'], summary['removed'], summary['changed'], summary['bytes_added']], [1, 1, 1, 5011])
  assert.equal(program.expect(0, 'diff', 'latest', 'latest'), 'no differences\n')
})

test('versions of a file are found with the snapshots that have them', () => {
  const versions = lines('find', '*.odt')
  assert.deepEqual(
    versions.map(({ size, snapshots }) => [size, snapshots]),
    [
      [11, [ids[1]]],
      [9, [ids[0]]],
    ],
  )
  assert.equal(lines('find', 'data/**', '--larger', '4k').length, 1)
  assert.equal(lines('find', '--type', 'symlink', '*')[0]!['target'], 'kept')
  assert.equal(lines('find', '--snapshot', ids[0]!, 'new').length, 0)
  assert.equal(lines('find', '*', '--older', '2001-01-01').length, 0)
  assert.equal(lines('find', '-i', 'KEPT').length, 2)
})

test('statistics add up', () => {
  const stats = lines('stats')[0]!
  assert.equal(stats['snapshots'], 2)
  assert.equal(stats['files'], 8)
  const objects = stats['objects'] as Record<string, { count: number; bytes: number }>
  const total = Object.values(objects).reduce((sum, { bytes }) => sum + bytes, 0)
  assert.equal(total, stats['store_bytes'])
  assert.equal(objects['snapshot']!.count, 2)
})

test('a reader that goes away ends a listing quietly', () => {
  const many = join(folder, 'many')
  mkdirSync(many)
  for (let at = 0; at < 3000; at++) writeFileSync(join(many, `a file with a rather long name, number ${at}`), '')
  program.expect(0, 'backup', many)
  const { status, stdout, stderr } = program.shell('"$HOLDFAST" ls -R latest | head -n 1; echo "${PIPESTATUS[0]}"')
  assert.equal(status, 0)
  assert.equal(stderr, '')
  assert.match(stdout, /\n141\n$/)
})

test('a backup goes on when nobody reads what it says', () => {
  writeFileSync(join(source, 'more'), Buffer.alloc(100_000, 3))
  const { stdout } = program.shell(
    `{ "$HOLDFAST" backup -v '${source}' --reread; echo "code $?" > '${folder}/code'; } 2>&1 | true; cat '${folder}/code'`,
  )
  assert.match(stdout, /code 141\n$/)
  assert.equal(lines('ls', 'latest:data/more').length, 1)
})

test('quiet means the result alone, verbose means each file', () => {
  writeFileSync(join(source, 'another'), 'x')
  const quiet = program.run('backup', source, '--quiet')
  assert.match(quiet.stdout, /^snapshot [0-9a-f]{10} of \S+\n$/)
  assert.equal(quiet.stderr, '')
  writeFileSync(join(source, 'another'), 'yy')
  const verbose = program.run('backup', source, '-v', '--exclude', 'kept')
  assert.match(verbose.stderr, /^changed +2 B \S+\/another$/m)
  assert.match(verbose.stderr, /^excluded .*\/kept$/m)
  assert.match(verbose.stderr, /^unchanged .*\/new$/m)
})

test('a folder that is gone is marked as one', () => {
  const gone = join(source, 'folder for a while')
  mkdirSync(gone)
  const before = String(lines('backup', source, '--tag', 'while').at(-1)!['id'])
  rmSync(gone, { recursive: true })
  const after = String(lines('backup', source, '--tag', 'while').at(-1)!['id'])
  assert.match(program.expect(0, 'diff', before, after), new RegExp(`^- ${gone}/$`, 'm'))
})
