// System programs, run in a folder. Arguments are text; names that are not go through `eachName`.
import { spawnSync } from 'node:child_process'
import { commandPath } from './requirements.ts'

const OUTPUT_MAX = 512 * 1024 * 1024 // attributes of 100,000 files in one folder

/** Standard output, one character a byte. Throws with what the program said when it fails. */
export function system(cwd: string, name: string, ...args: string[]): string {
  return runSystem(cwd, name, args, undefined)
}

/** False when the program fails; for what not every file system can hold. */
export function trySystem(cwd: string, name: string, ...args: string[]): boolean {
  return spawnSync(commandPath(name) ?? name, args, { cwd, stdio: 'ignore' }).status === 0
}

/** Runs the program with the names, raw bytes, as its last arguments; several times when they are many. */
export function eachName(cwd: string, names: readonly Uint8Array[], name: string, ...args: string[]): string {
  if (names.length === 0) return ''
  const input = Buffer.concat(names.flatMap((n) => [Buffer.from('./'), n, Buffer.of(0)]))
  return runSystem(cwd, 'xargs', ['-0', commandPath(name) ?? name, ...args], input)
}

function runSystem(cwd: string, name: string, args: string[], input: Uint8Array | undefined): string {
  const run = spawnSync(commandPath(name) ?? name, args, { cwd, input, maxBuffer: OUTPUT_MAX, encoding: 'latin1' })
  if (run.status === 0) return run.stdout
  throw new Error(`${name} ${args.join(' ')} in ${cwd}: ${run.error?.message ?? run.stderr}`)
}
