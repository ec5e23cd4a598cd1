import { cleanEnvironment, type Command } from '../measure.ts'
import { PASSWORD, type Place, type Tool } from './tool.ts'

/** zstd 3 is the setting under which Borg's repositories are about as large as those of restic; its default is lz4. */
export const borg = borgWith('borg', 'zstd,3')
export const borgLz4 = borgWith('borg-lz4', 'lz4')

function borgWith(id: string, compression: string): Tool {
  return {
    id,
    settings: `--encryption repokey-blake2, --compression ${compression}`,
    install: 'apt-get install borgbackup',
    version: { program: 'borg', args: ['--version'] },
    init: (place) => run(place, ['init', '--encryption', 'repokey-blake2', place.repository]),
    backup: (place, source, round) =>
      run(place, ['create', '--compression', compression, `${place.repository}::${round}`, source]),
    restore: (place, target, round) => ({ ...run(place, ['extract', `${place.repository}::${round}`]), cwd: target }),
    starts: (place) => ({
      'start-version': run(place, ['--version']),
      'start-list': run(place, ['list', place.repository]),
    }),
    list: (place) => run(place, ['list', '--json', place.repository]),
    idsOf: (listed) => (JSON.parse(listed) as { archives: { name: string }[] }).archives.map(({ name }) => name),
    // It has no search over archives.
    chores: (place, { ids, keep }) => ({
      'list-history': run(place, ['list', place.repository]),
      'diff-history': run(place, ['diff', `${place.repository}::${ids[0]}`, ids.at(-1)!]),
      'check-history': run(place, ['check', place.repository]),
      'forget-history': run(place, ['prune', '--keep-last', String(keep), place.repository]),
      'prune-history': run(place, ['compact', place.repository]),
    }),
  }
}

function run(place: Place, args: string[]): Command {
  return {
    program: 'borg',
    args,
    env: { ...cleanEnvironment(place.home), BORG_PASSPHRASE: PASSWORD, BORG_BASE_DIR: place.home },
  }
}
