// Everything that reads the sources without running them: `npm run lint`, and the first part of `npm test`.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'

export const root = dirname(import.meta.dirname)

interface Step {
  name: string
  program: string
  args: string[]
}

const own = (file: string): string => join(root, 'node_modules', file)

const STEPS: Step[] = [
  { name: 'tidy', program: join(root, 'tools/tidy.ts'), args: [] },
  { name: 'types', program: own('typescript/bin/tsc'), args: ['-p', 'tsconfig.json'] },
  { name: 'lint', program: own('oxlint/bin/oxlint'), args: ['--type-aware', 'src', 'test', 'bench', 'tools'] },
  { name: 'format', program: own('oxfmt/bin/oxfmt'), args: ['--check', 'src', 'test', 'bench', 'tools'] },
]

/** Runs every step, also after one failed; the names of those that failed. */
export function lint(): string[] {
  return STEPS.filter((step) => !passes(step)).map((step) => step.name)
}

function passes(step: Step): boolean {
  const begin = performance.now()
  const run = spawnSync(process.execPath, [step.program, ...step.args], { cwd: root, encoding: 'utf8' })
  const passed = run.status === 0
  if (!passed) process.stdout.write(`${run.stdout}${run.stderr}${run.error?.message ?? ''}\n`)
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${step.name}  ${Math.round(performance.now() - begin)} ms`)
  return passed
}

if (import.meta.main) process.exitCode = lint().length === 0 ? 0 : 1
