// What is lost from the middle of chains: which numbers, what others have seen there, and what is beside it. Somebody may accept
// that it does not come back (docs/format.md, 9.2, kind 6).
import { fromHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { HASH_SIZE } from '../../crypto/hash.ts'
import type { ChainName, ChainPlace, LogAction } from '../../format/log-record.ts'
import { LOG_PLACES_MAX } from '../../format/log-record.ts'
import { logName, snapshotName } from '../../format/names.ts'
import type { AuditedChain, AuditResult } from '../audit.ts'
import type { AuditedObject } from '../audit/audited-object.ts'

/** One place of a chain in which nothing is, and nobody has said why. */
export interface ChainLoss {
  readonly chain: ChainName
  /** Of its writer, hex; its name may be unknown, and empty then. */
  readonly wid: string
  readonly writer: string
  readonly seq: number
  /** Hashes, hex, of what others have seen there: none where nobody has that is still there. */
  readonly ids: readonly string[]
  readonly isInTrash: boolean
  /** The sound objects of the chain before and after the gap. */
  readonly before: AuditedObject | undefined
  readonly after: AuditedObject | undefined
}

/** In the order of an audit. Throws `refused` where something could not be read: it is not lost then. */
export function chainLosses({ writers, unreadable }: AuditResult): ChainLoss[] {
  const [unread] = unreadable
  if (unread !== undefined) {
    const what = `not everything could be read, so that it is not known what is lost: ${unread.message}`
    throw new BackupError('refused', what, unread.object, { hint: 'see that the store can be read, and try again' })
  }
  return writers.flatMap(({ wid, name, snapshots, records }) => {
    const lossesIn = (chain: ChainName, audited: AuditedChain | undefined) =>
      (audited?.gaps ?? []).flatMap(({ reason, from, to, lost }) => {
        if (reason !== 'missing') return []
        if (to - from >= LOG_PLACES_MAX) {
          const what = `there is a gap of ${to - from + 1} numbers, more than one record can name`
          throw new BackupError('limit', what, nameOf(chain)(wid, to, ''))
        }
        return Array.from({ length: to - from + 1 }, (_, i): ChainLoss => {
          const seq = from + i
          const ids = lost?.known.flatMap((each) => (each.seq === seq ? [each.id] : [])) ?? []
          const isInTrash = lost?.inTrash.includes(seq) === true
          return { chain, wid, writer: name, seq, ids, isInTrash, before: lost?.before, after: lost?.after }
        })
      })
    return [...lossesIn('snapshot', snapshots), ...lossesIn('record', records)]
  })
}

/** Names of the objects that were there, as far as they are known. */
export function lostNames({ chain, wid, seq, ids }: ChainLoss): string[] {
  return ids.map((id) => nameOf(chain)(wid, seq, id))
}

function nameOf(chain: ChainName): typeof logName {
  return chain === 'snapshot' ? snapshotName : logName
}

export interface ChosenLosses {
  readonly chosen: readonly ChainLoss[]
  /** Of these a copy lies in the trash; they were not asked for one by one. */
  readonly inTrash: readonly ChainLoss[]
}

/** What people name, each once. Throws `not-found` for what is not lost, `refused` for what lies in the trash. */
export function chosenLosses(losses: readonly ChainLoss[], specs: readonly string[]): ChosenLosses {
  for (const spec of specs) {
    if (spec === 'all' || isNamed(losses, spec)) continue
    throw new BackupError('not-found', 'nothing of this name is lost from the history', spec, {
      hint: '`holdfast repair --accept-loss all --dry-run` shows what is; damaged snapshots: `holdfast forget --damaged`',
    })
  }
  const named = losses.filter((loss) => specs.some((spec) => isMeant(loss, spec)))
  const kept = named.find((loss) => loss.isInTrash && specs.some((spec) => spec !== 'all' && isMeant(loss, spec)))
  if (kept !== undefined) {
    throw new BackupError('refused', 'a copy of it lies in the trash', nameToGive(kept), {
      hint: `bring it back: \`holdfast trash recall ${kept.ids[0]?.slice(0, 10) ?? 'ID'}\``,
    })
  }
  const { chosen = [], inTrash = [] } = Object.groupBy(named, ({ isInTrash }) => (isInTrash ? 'inTrash' : 'chosen'))
  return { chosen, inTrash }
}

export function isNamed(losses: readonly ChainLoss[], spec: string): boolean {
  return losses.some((loss) => isMeant(loss, spec))
}

function isMeant(loss: ChainLoss, spec: string): boolean {
  return spec === 'all' || lostNames(loss).includes(spec) || isPlace(loss, spec)
}

const FOLDERS = { snapshot: 'snap', record: 'log' } as const
const WRITER_DIGITS_MIN = 4

/** `log/1f2e3d4c/5`; more digits of the writer, and zeros before the number, are taken too. */
function isPlace({ chain, wid, seq }: ChainLoss, spec: string): boolean {
  const [folder, writer = '', number = '', ...more] = spec.split('/')
  if (folder !== FOLDERS[chain] || more.length > 0 || writer.length < WRITER_DIGITS_MIN) return false
  return wid.startsWith(writer) && /^\d{1,10}$/.test(number) && Number(number) === seq
}

/** What `chosenLosses` takes for one of them. */
export function nameToGive({ chain, wid, seq }: ChainLoss): string {
  return `${FOLDERS[chain]}/${wid.slice(0, 8)}/${seq}`
}

/** Says of all of them that they are known to be lost; of one that nobody has seen, by zeros instead of its hash. */
export function acceptance(losses: readonly ChainLoss[], reason: string | undefined): LogAction & { kind: 'accept' } {
  const places = (name: ChainName): ChainPlace[] =>
    losses
      .filter(({ chain }) => chain === name)
      .flatMap(({ wid, seq, ids }) => {
        const hashes = ids.length === 0 ? [new Uint8Array(HASH_SIZE)] : ids.map((id) => fromHex(id)!)
        return hashes.map((hash) => ({ wid: fromHex(wid)!, seq, hash }))
      })
  const all = { snapshots: places('snapshot'), records: places('record') }
  return { kind: 'accept', ...all, ...(reason !== undefined && { reason }) }
}
