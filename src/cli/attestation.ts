// `holdfast check --attest`: signs in the log which packs were read whole and found good.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { ATTESTED_MAX } from '../format/log-record.ts'
import { packName } from '../format/names.ts'
import type { AttestablePack } from '../ops/check/options.ts'
import type { Repository } from '../repo/repository.ts'
import { rememberOwn } from '../repo/history/rollback.ts'
import type { CheckFlags } from './commands/check.ts'
import type { Context } from './context.ts'
import { addRecord } from './history.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { counted } from './units.ts'

/** Throws before anything is read. */
export function checkAttested({ attest, readData, sample, within }: CheckFlags): void {
  if (attest !== true || readData === true || sample !== undefined || within !== undefined) return
  throw new BackupError('usage', 'no pack is read, so none can be attested', '--attest', {
    hint: 'give --read-data, --sample or --within too',
  })
}

/** Adds a record for each domain of what is not attested yet; gives how many packs were. */
export async function attestPacks(
  context: Context,
  repository: Repository,
  found: readonly AttestablePack[],
): Promise<number> {
  const known = await repository.trust.attested()
  const wanted = found.filter(({ kind, hash, tables }) => known.get(packName(kind, hash))?.has(toHex(tables)) !== true)
  for (const [repo, packs] of Map.groupBy(wanted, (each) => each.repo)) {
    for (let at = 0; at < packs.length; at += ATTESTED_MAX) {
      const part = packs.slice(at, at + ATTESTED_MAX)
      const of = (wantedKind: AttestablePack['kind']) => part.filter(({ kind }) => kind === wantedKind)
      const record = await addRecord(context, repo, { kind: 'attest', dataPacks: of('data'), metaPacks: of('meta') })
      const state = openStateFolder(stateFolder(context.env))
      await rememberOwn(repository, state, 'record', { ...record, nowMs: context.clock.now() })
    }
  }
  context.out.line(`attested ${counted(wanted.length, 'pack')}${knownText(found.length - wanted.length)}`)
  return wanted.length
}

function knownText(before: number): string {
  return before === 0 ? '' : `; ${counted(before, 'pack')} of those read were attested before`
}
