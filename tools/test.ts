// `npm test`: reads the sources (tools/lint.ts), then runs every test file, several at a time.
//   npm test                         everything
//   npm test -- store seal           test files whose path contains one of the words
//   HOLDFAST_TEST_ONLY='store|seal'  the same, as a regular expression
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { lint, root } from './lint.ts'

const FILE_TIMEOUT_MS = 900_000 // one test file that hangs must not take the whole run's time
/** Files at once: one for each core of a small machine, and one more while others wait for the disk. Many start Holdfast, which uses all cores. */
const CONCURRENCY = 3

const only = process.argv.slice(2).join('|') || (process.env['HOLDFAST_TEST_ONLY'] ?? '')
const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  .filter((file) => new RegExp(only).test(file))
  .sort()
if (files.length === 0) {
  console.error(`no test file matches ${only}`)
  process.exit(1)
}

const memoryGiB = (totalmem() / 2 ** 30).toFixed(1)
console.log(
  `Node ${process.version} on ${process.platform}-${process.arch}, ${availableParallelism()} cores, ${memoryGiB} GiB`,
)
const failed = only === '' ? lint() : []

// What Node compiles for one test file it need not compile for the others, nor for the programs that they start.
const compiled = mkdtempSync(join(tmpdir(), 'holdfast-compiled-'))
const run = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    `--require=${join(import.meta.dirname, 'untracked-promises.ts')}`,
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${FILE_TIMEOUT_MS}`,
    '--test-reporter=spec',
    ...files,
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: compiled } },
)
rmSync(compiled, { recursive: true, force: true })
if (run.status !== 0) failed.push('tests')

console.log(failed.length === 0 ? 'all passed' : `failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
