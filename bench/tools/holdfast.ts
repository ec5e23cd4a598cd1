import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cleanEnvironment, type Command } from '../measure.ts'
import { PASSWORD, type History, type Place, type Tool } from './tool.ts'

const PROGRAM = join(dirname(dirname(import.meta.dirname)), 'holdfast')

/** Opened by a passphrase, like the peers. */
export const holdfast: Tool = {
  id: 'holdfast',
  settings: 'as it comes',
  install: 'it is in this checkout',
  version: { program: PROGRAM, args: ['version'] },
  parityFolder: 'parity',
  init: (place) => run(place, ['init']),
  backup: (place, source) => run(place, ['backup', source]),
  restore: (place, target) => run(place, ['restore', 'latest', '--target', target]),
  starts: (place) => ({
    'start-version': run(place, ['version']),
    'start-scrub': run(place, ['scrub']),
    'start-list': run(place, ['snapshots']),
  }),
  list: (place) => run(place, ['snapshots', '--json']),
  idsOf,
  chores: (place, history) => chores(history, (args) => run(place, args)),
}

/** Opened by a key file: what is left of short commands without the passphrase's key derivation. */
export const holdfastKeyFile: Tool = {
  ...holdfast,
  id: 'holdfast-key-file',
  settings: 'key file instead of a passphrase',
  scenarios: ['tree', 'history', 'start'],
  init: (place) => withKeyFile(place, ['init']),
  backup: (place, source) => withKeyFile(place, ['backup', source]),
  restore: (place, target) => withKeyFile(place, ['restore', 'latest', '--target', target]),
  starts: (place) => ({ 'start-list': withKeyFile(place, ['snapshots']) }),
  list: (place) => withKeyFile(place, ['snapshots', '--json']),
  chores: (place, history) => chores(history, (args) => withKeyFile(place, args)),
}

/** A machine that may make backups and read nothing; what only a reader can do an administrator does. */
export const holdfastWrite: Tool = {
  ...holdfast,
  id: 'holdfast-write',
  settings: 'backups by a machine with the role write',
  scenarios: ['tree'],
  init: enrolled,
  backup: (place, source) => ({ ...run(place, ['backup', source]), env: cleanEnvironment(machineHome(place)) }),
}

/** Creates the repository and lets the machine in. */
function enrolled(place: Place): Command {
  const machine = machineHome(place)
  mkdirSync(machine, { recursive: true })
  const script = String.raw`set -e
holdfast() { "$PROGRAM" --quiet --repo "$REPOSITORY" "$@"; }
machine() { HOME=$MACHINE HOLDFAST_PASSWORD= holdfast "$@"; }
field() { printf %s "$asked" | sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }
holdfast init
asked=$(machine enroll request --no-wait --json)
holdfast enroll approve "$(field code)" --role write
machine enroll request --root "$(field root)"`
  const { env } = run(place, [])
  return {
    program: '/bin/sh',
    args: ['-c', script],
    env: { ...env, PROGRAM, REPOSITORY: place.repository, MACHINE: machine },
  }
}

function machineHome(place: Place): string {
  return join(place.home, 'machine')
}

function chores({ ids, file, keep }: History, command: (args: string[]) => Command): Record<string, Command> {
  return {
    'list-history': command(['snapshots']),
    'find-history': command(['find', file]),
    'diff-history': command(['diff', ids[0]!, ids.at(-1)!]),
    'check-history': command(['check']),
    'forget-history': command(['forget', '--keep-last', String(keep), '--trash-days', '0', '--allow-unusual']),
    'prune-history': command(['prune']),
  }
}

/** A line for each snapshot. */
function idsOf(listed: string): string[] {
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { type: string; id?: string })
    .flatMap(({ type, id }) => (type === 'snapshot' && id !== undefined ? [id] : []))
}

function run(place: Place, args: string[]): Command {
  return {
    program: PROGRAM,
    args: ['--quiet', '--repo', place.repository, ...args],
    env: { ...cleanEnvironment(place.home), HOLDFAST_PASSWORD: PASSWORD },
  }
}

function withKeyFile(place: Place, args: string[]): Command {
  const file = join(place.home, 'key')
  mkdirSync(place.home, { recursive: true })
  // docs/format.md, 3.6. Not a secret: it opens benchmark data.
  writeFileSync(file, `holdfast-key-1 ${'5'.repeat(64)}\n`, { mode: 0o600 })
  const { program, args: all } = run(place, args)
  return { program, args: all, env: { ...cleanEnvironment(place.home), HOLDFAST_KEY_FILE: file } }
}
