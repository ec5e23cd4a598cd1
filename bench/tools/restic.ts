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
}

function run(place: Place, args: string[]): Command {
  return {
    program: 'restic',
    args: ['--quiet', '--repo', place.repository, ...args],
    env: { ...cleanEnvironment(place.home), RESTIC_PASSWORD: PASSWORD },
  }
}
