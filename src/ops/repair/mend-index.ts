// Mends the index of a repository by what a check has found of it: the packs say again what segments said.
import { BackupError, codeOf } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import { damagedName, parseObjectName } from '../../format/names.ts'
import type { Repository } from '../../repo/repository.ts'
import type { CheckResult } from '../check.ts'
import type { HealContext } from './heal-objects.ts'
import type { RepairSessions } from './repair-session.ts'

export interface MendContext extends Pick<HealContext, 'verify' | 'steps' | 'checkStopped'> {
  /** As it was checked last. */
  readonly repo: Repository
  readonly sessions: RepairSessions
}

/**
 * Indexes what no segment names where snapshots need it, says which packs may not be relied on, and sets segments aside that
 * nobody can read. True if anything was changed, or was read well after all.
 */
export async function mendIndex(ctx: MendContext, { damages, indexIncomplete }: CheckResult): Promise<boolean> {
  const { repo, sessions, steps, checkStopped } = ctx
  const named = damages.flatMap(({ object }) => ({ object, parsed: parseObjectName(object) }))
  const segments = named.flatMap(({ object, parsed }) => (parsed?.kind === 'index' ? [object] : []))
  const packs = named.flatMap(({ object, parsed }) => (parsed?.kind === 'pack' ? [object] : []))
  if (!indexIncomplete && segments.length + packs.length === 0) return false
  const before = steps.length
  for (const { domain, index } of repo.inDomains) {
    const own = packs.filter((name) => index.hasPack(name) && !index.distrusted.has(name))
    const distrust: string[] = []
    for (const name of own) if ((await repo.store.stat(name)) !== null) distrust.push(name)
    if (!indexIncomplete && segments.length + distrust.length === 0) continue
    await sessions.run(repo, domain, distrust, async (session) => {
      if (!indexIncomplete && segments.length === 0) return
      const indexed = await session.adoptUnindexed(checkStopped)
      if (indexed > 0) steps.push({ kind: 'indexed', packs: indexed })
    })
    for (const object of distrust) steps.push({ kind: 'distrusted', object })
  }
  let readAfterAll = false
  for (const name of segments) if (await setAside(ctx, name)) readAfterAll = true
  return readAfterAll || steps.length > before
}

/**
 * What is in its place under `damaged/` nobody needs any more: the packs say again what it said. One that can be read after
 * all stays, since then nothing has said it again; then this gives true.
 */
async function setAside({ repo: { store }, verify, steps }: MendContext, name: string): Promise<boolean> {
  let bytes: Uint8Array
  try {
    bytes = await store.get(name)
    if (isRight(verify, name, bytes)) return true
  } catch (cause) {
    const code = codeOf(cause)
    if (code === 'not-found' || code === 'io' || code === 'refused' || code === 'limit') return false
    throw cause
  }
  await store.put(damagedName(name, hash(bytes)), [bytes])
  await store.delete(name)
  steps.push({ kind: 'set-aside', object: name })
  return false
}

function isRight(verify: MendContext['verify'], name: string, bytes: Uint8Array): boolean {
  try {
    verify(name, parseObjectName(name)!, bytes)
    return true
  } catch (cause) {
    if (cause instanceof BackupError) return false
    throw cause
  }
}
