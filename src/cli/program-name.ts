// What a person has to type to run this program again, for commands that we show.
import { existsSync } from 'node:fs'
import { delimiter, join, relative } from 'node:path'
import type { Environment } from './environment.ts'
import { quoteForShell } from './escape.ts'

/** The launcher of this checkout. */
const LAUNCHER = join(import.meta.dirname, '../../holdfast')

/** `holdfast` when the shell finds it, else a path to the launcher: `./holdfast` in the checkout. */
export function programName(env: Environment, cwd: string): string {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  if (folders.some((folder) => existsSync(join(folder, 'holdfast')))) return 'holdfast'
  if (existsSync(join(cwd, 'holdfast'))) return './holdfast'
  const path = relative(cwd, LAUNCHER)
  return quoteForShell(path.startsWith('../') ? LAUNCHER : `./${path}`)
}
