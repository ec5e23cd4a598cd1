// Holds a history against a checkpoint: its heads have to be in it, or be explained.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { fingerprintOf } from '../../format/checkpoint.ts'
import type { Checkpoint } from '../../format/checkpoint.ts'
import type { ChainName } from '../../format/log-record.ts'
import { descriptionName, PREFIXES } from '../../format/names.ts'
import type { Repository } from '../../repo/repository.ts'
import type { NamedPlace } from './chain-audit.ts'
import type { Findings } from './finding.ts'

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
