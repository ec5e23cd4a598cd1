import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { checkGlossary } from '../tools/tidy/glossary.ts'
import { checkImports, importsOf } from '../tools/tidy/imports.ts'
import { checkExports } from '../tools/tidy/exports.ts'
import { checkLength, LINES_MAX } from '../tools/tidy/length.ts'
import { anchorsOf, checkLinks } from '../tools/tidy/links.ts'
import { checkPackageFile } from '../tools/tidy/package-file.ts'
import { checkRequirements } from '../tools/tidy/requirements.ts'
import { scan } from '../tools/tidy/scan.ts'
import { Tree } from '../tools/tidy/tree.ts'
import { checkWords } from '../tools/tidy/words.ts'
import { display, tidy } from '../tools/tidy.ts'

const tree = (files: Record<string, string>): Tree => new Tree(Object.entries(files))

test('the house is tidy', () => {
  const findings = tidy(dirname(import.meta.dirname)).map(display)
  assert.ok(findings.length === 0, findings.join('\n'))
})

test('code, comments and literals are told apart', () => {
  const source = [
    "const a = 'x // y' // z",
    'const b = /[/"]`/.test(a) ? a / 2 : `t ${ {a}.a + "u" } v`',
    '/* w',
    "' */ f()",
  ].join('\n')
  const { code, comments, literals } = scan(source)
  assert.equal(
    code.replace(/ +/g, ' '),
    'const a = \' \' \nconst b = / /.test(a) ? a / 2 : ` ${ {a}.a + " " } `\n \n f()',
  )
  assert.equal(comments.replace(/ +/g, ' '), " // z\n \n/* w\n' */ ")
  assert.equal(literals.replace(/ +/g, ' ').trim(), 'x // y \n [/"]` t u v')
  for (const part of [code, comments, literals]) assert.equal(part.length, source.length)
})

test('every way of importing is seen', () => {
  const source = `import a, { b } from './a.ts'
import type {
  C,
} from '../base/c.ts'
import './d.ts'
export * from './e.ts'
export type { F } from './f.ts'
const g = await import('./g.ts')
type H = import('./h.ts').H
new Worker(new URL('i.ts', import.meta.url))
const native = createRequire(import.meta.url)('koffi')
// import './no.ts'
const text = "import './no.ts'"
export const from = 'no.ts'
`
  const found = importsOf(tree({ 'src/repo/x.ts': source }), 'src/repo/x.ts')
  const shown = found.map((i) => `${i.line} ${i.how} ${i.target ?? i.specifier}`)
  assert.deepEqual(shown, [
    '1 static src/repo/a.ts',
    '2 type src/base/c.ts',
    '5 static src/repo/d.ts',
    '6 static src/repo/e.ts',
    '7 type src/repo/f.ts',
    '8 later src/repo/g.ts',
    '9 later src/repo/h.ts',
    '10 later src/repo/i.ts',
    '11 later koffi',
  ])
})

test('an import against the direction is reported with the way back', () => {
  const files = {
    'src/format/pack.ts': "import type { Repo } from '../repo/repo.ts'",
    'src/repo/repo.ts': "import './index.ts'",
    'src/repo/index.ts': "import { pack } from '../format/names.ts'",
    'src/format/names.ts': "import '../base/bytes.ts'",
    'src/base/bytes.ts': '',
  }
  assert.deepEqual(checkImports(tree(files), []).map(display), [
    'src/format/pack.ts:1: src/format/pack.ts -> src/repo/repo.ts -> src/repo/index.ts -> src/format/names.ts: format may import from base, crypto, parity',
  ])
})

test('the parts of the repository layer point in one direction, types and the files that join them included', () => {
  const files = {
    'src/repo/repository.ts': "import './roles.ts'",
    'src/repo/open.ts': "import './history/log.ts'",
    'src/repo/roles.ts': '',
    'src/repo/history/log.ts':
      "import '../keys/ring.ts'\nimport '../roles.ts'\nimport type { R } from '../repository.ts'",
    'src/repo/keys/slot.ts': "import type { Log } from '../history/log.ts'",
    'src/repo/keys/ring.ts': '',
    'src/repo/keys/slot.test.ts': "import { Repository } from '../repository.ts'",
    'src/repo/other/new.ts': '',
  }
  const found = checkImports(tree(files), []).map(display)
  assert.equal(found.length, 3, found.join('\n'))
  assert.match(found[0]!, /^src\/repo\/history\/log\.ts:3: .*history comes before repository\.ts/)
  assert.match(found[1]!, /^src\/repo\/keys\/slot\.ts:1: .*keys comes before history/)
  assert.match(found[2]!, /^src\/repo\/other\/new\.ts: is in a folder of src\/repo\//)
})

test('imports out of src, of missing files and from unknown folders are reported', () => {
  const files = {
    'src/base/a.ts': "import '../../test/support/x.ts'",
    'src/base/a.test.ts': "import '../../test/support/x.ts'",
    'src/base/b.ts': "import './gone.ts'",
    'src/helpers/c.ts': '',
    'test/support/x.ts': '',
  }
  const found = checkImports(tree(files), []).map(display)
  assert.equal(found.length, 3)
  assert.match(found[0]!, /^src\/helpers\/c\.ts: is in a folder/)
  assert.match(found[1]!, /^src\/base\/a\.ts:1: .*stands on its own/)
  assert.match(found[2]!, /^src\/base\/b\.ts:1: imports src\/base\/gone\.ts, which does not exist/)
})

test('a circle of imports is reported once, unless it is closed by a type or a later import()', () => {
  const files = {
    'src/base/a.ts': "import './b.ts'",
    'src/base/b.ts': "import { a } from './c.ts'",
    'src/base/c.ts': "import './a.ts'",
  }
  assert.deepEqual(checkImports(tree(files), []).map(display), [
    'src/base/a.ts:1: imports go in a circle: src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts',
  ])
  for (const open of ["await import('./a.ts')", "import type { A } from './a.ts'"]) {
    assert.deepEqual(checkImports(tree({ ...files, 'src/base/c.ts': open }), []), [])
  }
})

test('in the repository layer types close a circle too', () => {
  const files = { 'src/repo/index/a.ts': "import './b.ts'", 'src/repo/index/b.ts': "import type { A } from './a.ts'" }
  assert.match(checkImports(tree(files), []).map(display).join(), /imports go in a circle: src\/repo\/index\/a\.ts/)
})

test('a dependency is declared, used, by one folder, and not at once when it is native', () => {
  const files = {
    'src/posix/a.ts': "import koffi from 'koffi'",
    'src/store/b.ts': "import { x } from '@scope/x/sub'",
    'src/crypto/c.ts': "import { x } from '@scope/x'\nimport y from 'undeclared'",
    'src/crypto/c.test.ts': "import fc from 'fast-check'",
  }
  assert.deepEqual(checkImports(tree(files), ['koffi', '@scope/x', 'idle']).map(display), [
    'src/crypto/c.ts:2: imports undeclared, which is not among the dependencies',
    'src/posix/a.ts:1: imports koffi at once; not every system has it: load it when it is first used',
    'package.json: @scope/x is imported by several folders: crypto, store',
    'package.json: the dependency idle is not used',
  ])
})

test('what must not be written is found in code, not in comments and texts', () => {
  const forbidden: [string, string][] = [
    ['src/ops/a.ts', 'console.log(1)'],
    ['src/ops/a.ts', "process.stderr.write('')"],
    ['src/repo/a.ts', 'const home = process.env.HOME'],
    ['src/source/a.ts', 'const home = homedir()'],
    ['src/store/a.ts', 'process.exit(1)'],
    ['src/store/a.ts', 'const now = Date.now()'],
    ['src/store/a.ts', 'const now = new Date()'],
    ['src/store/a.ts', 'const now = performance.now()'],
    ['src/store/a.ts', 'const x = Math.random()'],
    ['src/crypto/a.ts', 'const key = randomBytes(32)'],
    ['src/posix/a.ts', 'read.async(fd, done)'],
    ['src/format/a.ts', "throw new Error('invalid header')"],
    ['test/a.test.ts', "test.only('x', () => {})"],
  ]
  for (const [file, line] of forbidden) {
    const found = checkWords(tree({ [file]: `\n${line}\n` }), [])
    assert.deepEqual(
      found.map((f) => [f.file, f.line]),
      [[file, 2]],
      line,
    )
    assert.deepEqual(
      checkWords(tree({ [file]: `// ${line}\nconst text = ${JSON.stringify(line)}` }), []),
      [],
      `quoted: ${line}`,
    )
    assert.deepEqual(checkWords(tree({ 'tools/a.ts': line }), []), [], `in tools: ${line}`)
  }
})

test('comments may not silence a tool without a reason', () => {
  const at = (comment: string): number => checkWords(tree({ 'tools/a.ts': `// ${comment}` }), []).length
  assert.equal(at('@ts-ignore'), 1)
  assert.equal(at('@ts-expect-error'), 1)
  assert.equal(at('@ts-expect-error a branded id cannot be made from text'), 0)
  assert.equal(at('oxlint-disable-next-line no-control-regex'), 1)
  assert.equal(at('oxlint-disable-next-line no-control-regex -- names may hold any byte'), 0)
})

test('work that is put off and folders of one machine are found in every text', () => {
  const later = ['TO', 'DO'].join('')
  const found = checkWords(
    tree({ 'docs/a.md': `x\n${later}: later`, 'src/base/b.ts': `// ${later}`, 'c.sh': '. /home/kim/hold/x.sh' }),
    ['/home/kim/hold'],
  )
  assert.deepEqual(found.map((f) => `${f.file}:${f.line}`).sort(), ['c.sh:1', 'docs/a.md:2', 'src/base/b.ts:1'])
})

test('names follow the glossary', () => {
  const files = {
    'src/repo/pack-footer.ts': 'export const archiveSizes = 1',
    'src/base/utils.ts': '',
    'test/utils.ts': 'const footer = 1',
  }
  assert.deepEqual(checkGlossary(tree(files)).map(display), [
    'src/repo/pack-footer.ts: says footer; the glossary says directory or trailer',
    'src/repo/pack-footer.ts:1: says archive; the glossary says snapshot',
    'src/base/utils.ts: is named for no idea',
  ])
})

test('what is exported and used by nobody is found; a use in a comment or a text is none', () => {
  const files = tree({
    'src/base/a.ts':
      "export const used = 1\nexport const own = 2\nconst twice = own\nexport function dead() {}\nexport type Gone = 'dead'",
    'src/base/b.ts': "import { used } from './a.ts'\n// dead and Gone\nconst text = 'dead'",
  })
  assert.deepEqual(
    checkExports(files).map(({ line, what }) => [line, what]),
    [
      [4, 'dead is used by nobody'],
      [5, 'Gone is used by nobody'],
    ],
  )
})

test('a long file may only shrink, and its exception with it', () => {
  const lines = (n: number): string => 'x\n'.repeat(n)
  const check = (n: number, allowed: Record<string, number>): string[] =>
    checkLength(tree({ 'src/base/a.ts': lines(n) }), allowed).map((f) => f.what.split(/[:,]/)[0]!)
  assert.deepEqual(check(LINES_MAX, {}), [])
  assert.deepEqual(check(LINES_MAX + 1, {}), [`has ${LINES_MAX + 1} lines`])
  assert.deepEqual(check(500, { 'src/base/a.ts': 500 }), [])
  assert.deepEqual(check(501, { 'src/base/a.ts': 500 }), ['has 501 lines'])
  assert.deepEqual(check(450, { 'src/base/a.ts': 500 }), ['shrank to 450 lines'])
  assert.deepEqual(check(LINES_MAX, { 'src/base/a.ts': 500 }), ['is short enough now'])
  assert.deepEqual(check(1, { 'src/base/gone.ts': 500 }), ['is gone'])
})

test('links and mentions of files lead somewhere', () => {
  const files = {
    'docs/a.md': [
      '# A title, `code` & more',
      '[ok](b.md) [ok](../README.md#use) [ok](#a-title-code--more) [ok](https://example.org/x)',
      '[bad](c.md) [bad](b.md#nothing) [bad](../../x.md)',
      '`[not a link](gone.md)` but `src/base/gone.ts` is mentioned, docs/picture.png is there',
      '```',
      '[not a link](gone.md)',
      '```',
    ].join('\n'),
    'docs/b.md': '# B\n',
    'README.md': '## Use\n![a picture](docs/picture.png)',
    'src/base/x.ts': "// see docs/gone.md and docs/b.md\nconst text = 'docs/gone.md'",
  }
  assert.deepEqual(checkLinks(tree(files), (path) => path === 'docs/picture.png').map(display), [
    'docs/a.md:3: link c.md leads nowhere',
    'docs/a.md:3: link b.md#nothing : docs/b.md has no such heading',
    'docs/a.md:3: link ../../x.md leaves the checkout',
    'docs/a.md:4: mentions src/base/gone.ts, which is not there',
    'src/base/x.ts:1: mentions docs/gone.md, which is not there',
  ])
})

test('equal headings get numbered anchors', () => {
  assert.deepEqual([...anchorsOf('# A b\n## A b\n## 3.1 `x` (CBOR)\n')], ['a-b', 'a-b-1', '31-x-cbor'])
})

test('versions are exact and no library runs a script', () => {
  const content = {
    dependencies: { a: '1.2.3', b: '^1.2.3' },
    devDependencies: { c: '24' },
    allowScripts: { a: true, b: false },
  }
  const found = checkPackageFile(tree({ 'package.json': JSON.stringify(content) }))
  assert.deepEqual(
    found.map((f) => f.what.split(' ')[0]),
    ['b', 'c', 'a'],
  )
})

test('what tests need is installed in CI, and no test is skipped there', () => {
  const files = {
    '.ci/run': 'declare -A needed=(\n  [mkfs.xfs]=xfsprogs\n)',
    'src/posix/a.test.ts': "if (!requireCommand(t, 'mkfs.xfs') || !requireCommand(t, 'mkfs.zfs')) return\nt.skip('no')",
    'test/b.test.ts': "test('x', { skip: true }, () => {})",
  }
  assert.deepEqual(checkRequirements(tree(files)).map(display), [
    'src/posix/a.test.ts:1: needs mkfs.zfs, which .ci/run does not install',
    'src/posix/a.test.ts:2: skips in CI too; use what test/support/requirements.ts offers',
    'test/b.test.ts:1: skips in CI too; use what test/support/requirements.ts offers',
  ])
})
