// What a prune costs, from the lengths of blocks alone: the new packs are laid out as they are going to be.
import { fromHex } from '../../base/bytes.ts'
import { HASH_SIZE } from '../../crypto/hash.ts'
import { SEGMENT_BLOBS_MAX } from '../../format/index-segment.ts'
import { ID_SIZE, packName } from '../../format/names.ts'
import { Filling, fullPackSize, PackLayout } from '../../repo/packs/pack-layout.ts'
import { parityMakerOf } from '../../repo/objects/parity-maker.ts'
import type { ParityMaker } from '../../repo/objects/parity-maker.ts'
import type { Repository } from '../../repo/repository.ts'
import { UNNAMED_MAX } from './block-copier.ts'
import { batchesOf } from './choose.ts'
import type { Choice, IsLive, PackUse } from './choose.ts'
import type { IndexView } from './index-view.ts'
import type { PackInfo, PackTable } from './pack-table.ts'

export interface Forecast {
  newPacks: number
  /** Bytes of packs that are read, of the new ones too. */
  readBytes: number
  /** Bytes of new packs and of their parity. */
  writtenBytes: number
  /** Requests that change something, but for clearing away what sessions have left. */
  puts: number
  deletes: number
}

export interface ForecastOptions {
  readonly repo: Repository
  readonly view: IndexView
  readonly isLive: IsLive
  /** Whether packs under older keys are sealed anew. */
  readonly reencrypt: boolean
}

/** What it takes to carry out a choice, when nobody is in the way. */
export function foresee({ dead, repack }: Choice, opts: ForecastOptions): Forecast {
  const { view } = opts
  const parity = parityMakerOf(opts.repo)
  const hasParity = opts.repo.description.parity !== undefined
  const going = new Set([...dead, ...repack].map(({ pack }) => pack.name))
  const copies = foreseeCopies(repack, parity, opts)
  const affected = [...view.segments.values()].filter(({ packs }) => packs.some((name) => going.has(name)))
  const staying = new Set(affected.flatMap(({ packs }) => packs.filter((name) => !going.has(name))))
  const blobs = [...staying].reduce((sum, name) => sum + blobsOf(view.packs, name), 0)
  const segments = Math.ceil(blobs / SEGMENT_BLOBS_MAX)
  const plans = Math.max(copies.batches, going.size > 0 ? 1 : 0)
  // Of a log record and of the keys of a session too.
  const perPlan = PLAN_PUTS + (parity.isMade ? 1 : 0)
  const isSealedAnew = opts.reencrypt && repack.some(({ pack }) => pack.isUnderOlderKeys)
  const session = isSealedAnew ? SESSION_PUTS + (parity.isMade ? 1 : 0) : 0
  return {
    newPacks: copies.newPacks,
    readBytes: copies.newBytes + repack.reduce((sum, { pack }) => sum + pack.size, 0),
    writtenBytes: copies.newBytes + copies.parityBytes,
    puts: copies.newPacks + copies.parities + copies.segments + segments + perPlan * plans + session,
    deletes: going.size * (hasParity ? 2 : 1) + affected.length + plans + (isSealedAnew ? SESSION_DELETES : 0),
  }
}

/** A plan is put, put again by who carries it out, and a record says what it was. */
const PLAN_PUTS = 3
/** Intent, keys and end, and the end once more by who clears away the intent. */
const SESSION_PUTS = 4
/** Its intent and its end. */
const SESSION_DELETES = 2

function blobsOf(packs: PackTable, name: string): number {
  const pack = packs.find(name)
  if (pack === undefined || pack.firstBlock === pack.endBlock) return 0
  return packs.endPlace(pack.endBlock - 1) - packs.firstPlace(pack.firstBlock)
}

function foreseeCopies(uses: readonly PackUse[], parity: ParityMaker, opts: ForecastOptions) {
  const sum = { newPacks: 0, newBytes: 0, parities: 0, parityBytes: 0, batches: 0, segments: 0 }
  for (const batch of batchesOf(uses)) {
    const before = sum.newPacks
    sum.batches++
    for (const kind of ['meta', 'data'] as const) {
      for (const size of sizesOfCopies(kind, batch, opts)) {
        const parityBytes = parity.foresee(packName(kind, new Uint8Array(HASH_SIZE)), size)
        sum.newPacks++
        sum.newBytes += size
        sum.parities += parityBytes > 0 ? 1 : 0
        sum.parityBytes += parityBytes
      }
    }
    sum.segments += Math.ceil((sum.newPacks - before) / UNNAMED_MAX)
  }
  return sum
}

/** Sizes of the new packs of one kind. */
function* sizesOfCopies(
  kind: PackInfo['kind'],
  uses: readonly PackUse[],
  { repo, view: { packs }, isLive, reencrypt }: ForecastOptions,
): Generator<number> {
  const layout = new PackLayout({ kind, packSize: fullPackSize(repo, kind), begin: () => new Filling() })
  for (const { pack } of uses) {
    if (pack.kind !== kind) continue
    const sids = reencrypt && pack.isUnderOlderKeys ? [NEW_SESSION] : pack.sessions.map((sid) => fromHex(sid)!)
    for (let block = pack.firstBlock; block < pack.endBlock; block++) {
      if (!isLive(block, pack)) continue
      // Which block is of which session is not known here, only how many there are.
      const sid = sids[Math.min(block - pack.firstBlock, sids.length - 1)]!
      const blobs = packs.endPlace(block) - packs.firstPlace(block)
      for (const { size } of layout.add({ storedLength: packs.storedLength(block), blobs, sid }).closed) yield size
    }
  }
  for (const { size } of layout.finish()) yield size
}

/** Stands for the session that is going to be there. */
const NEW_SESSION = new Uint8Array(ID_SIZE)
