// Holds a history against a checkpoint: its heads have to be in it, or be explained.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { digestOf, fingerprintOf } from '../../format/checkpoint.ts'
import type { ChainHead, Checkpoint, HeadsDigest } from '../../format/checkpoint.ts'
import type { ChainName } from '../../format/log-record.ts'
import { descriptionName, PREFIXES } from '../../format/names.ts'
import type { Repository } from '../../repo/repository.ts'
import type { NamedPlace } from './chain-audit.ts'
import type { Findings } from './finding.ts'

/** Something that a chain has or had, with times where they are known. */
export interface PlaceInTime {
  readonly chain: ChainName
  readonly wid: string
  readonly seq: number
  readonly id: string
  readonly receivedMs?: number
  readonly claimedMs?: number | undefined
}

/** Whether a checkpoint is of this repository; tells when not. */
export function isOfRepository(checkpoint: Checkpoint, { id, bundle, store }: Repository, findings: Findings): boolean {
  const { repoId, fingerprint } = checkpoint
  if (equalBytes(repoId, id) && equalBytes(fingerprint, fingerprintOf(bundle.rootPublic))) return true
  const differs = equalBytes(repoId, id) ? 'root key' : 'repository'
  findings.add(
    'other-repository',
    store.location,
    `the checkpoint is of another ${differs}: what is here is not what it was made of`,
  )
  return false
}

export function checkDescription({ description }: Checkpoint, repo: Repository, findings: Findings): void {
  if (description <= repo.descriptionNumber) return
  const what = `${descriptionName(description)} was in use when the checkpoint was made, and ${descriptionName(repo.descriptionNumber)} is now`
  findings.add('rolled-back', PREFIXES.format, what)
}

/** Its heads, as places that somebody has seen; none of a digest. */
export function namedBy({
  heads,
  time,
}: Checkpoint): (NamedPlace & { readonly chain: ChainName; readonly wid: string })[] {
  if ('root' in heads) return []
  const by = `the checkpoint of ${new Date(time * 1000).toISOString().slice(0, 16).replace('T', ' ')}`
  return heads.map(({ chain, wid, seq, hash }) => ({ chain, wid: toHex(wid), seq, id: toHex(hash), by }))
}

/**
 * Whether there was a moment at which the heads of this history were those of a digest. The moment is found by the number
 * of chains and by the sum of their numbers, in the order in which the store received things and in that of their own times.
 */
export function hasMoment(digest: HeadsDigest, places: readonly PlaceInTime[]): boolean {
  return (
    isMoment(
      digest,
      inOrder(places, ({ receivedMs }) => receivedMs),
    ) ||
    isMoment(
      digest,
      inOrder(places, ({ claimedMs }) => claimedMs),
    )
  )
}

function isMoment(digest: HeadsDigest, ordered: readonly PlaceInTime[]): boolean {
  const heads = new Map<string, ChainHead>()
  let sum = 0
  for (const { chain, wid, seq, id } of ordered) {
    const key = `${chain} ${wid}`
    const before = heads.get(key)
    if (before !== undefined && before.seq > seq) continue
    sum += seq - (before?.seq ?? 0)
    heads.set(key, { chain, wid: fromHex(wid)!, seq, hash: fromHex(id)! })
    if (heads.size !== digest.chains || sum !== digest.places) continue
    if (equalBytes(digestOf([...heads.values()]).root, digest.root)) return true
  }
  return digest.chains === 0
}

/** By time, but never against the order of a chain; what has no time comes right after the one before it. */
function inOrder(
  places: readonly PlaceInTime[],
  timeOf: (place: PlaceInTime) => number | undefined,
): readonly PlaceInTime[] {
  const timed: { readonly place: PlaceInTime; readonly time: number }[] = []
  for (const chain of Map.groupBy(places, ({ chain, wid }) => `${chain} ${wid}`).values()) {
    let time = -Infinity
    for (const place of chain.toSorted((a, b) => a.seq - b.seq)) {
      time = Math.max(time, timeOf(place) ?? -Infinity)
      timed.push({ place, time })
    }
  }
  return timed.toSorted((a, b) => a.time - b.time || a.place.seq - b.place.seq).map(({ place }) => place)
}
