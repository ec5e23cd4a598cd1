import { cleanEnvironment, type Command } from '../measure.ts'
import { PASSWORD, type Place, type Tool } from './tool.ts'

export const restic: Tool = {
  id: 'restic',
  settings: 'as it comes',
  install: 'apt-get install restic',
  version: { program: 'restic', args: ['version'] },
  init: (place) => run(place, ['init']),
  backup: (place, source) => run(place, ['backup', source]),
  restore: (place, target) => run(place, ['restore', 'latest', '--target', target]),
  starts: (place) => ({
    'start-version': run(place, ['version']),
    'start-list': run(place, ['snapshots']),
  }),
  list: (place) => run(place, ['snapshots', '--json']),
  idsOf: (listed) => (JSON.parse(listed) as { id: string }[]).map(({ id }) => id),
  chores: (place, { ids, file, keep }) => ({
    'list-history': run(place, ['snapshots']),
    'find-history': run(place, ['find', file]),
    'diff-history': run(place, ['diff', ids[0]!, ids.at(-1)!]),
    'check-history': run(place, ['check']),
    'forget-history': run(place, ['forget', '--keep-last', String(keep)]),
    'prune-history': run(place, ['prune']),
  }),
}

function run(place: Place, args: string[]): Command {
  return {
    program: 'restic',
    args: ['--quiet', '--repo', place.repository, ...args],
    env: { ...cleanEnvironment(place.home), RESTIC_PASSWORD: PASSWORD },
  }
}
