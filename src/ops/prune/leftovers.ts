// Clears away what sessions leave that nobody needs any more, so that every snapshot that was reported as done stays confirmed:
// a snapshot keeps the end of its session, or the intent of one that has none.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { doing } from '../../base/errors.ts'
import {
  heartbeatName,
  parseObjectName,
  PREFIXES,
  sessionEndName,
  sessionKeysName,
  sessionName,
} from '../../format/names.ts'
import { readSessionKeys } from '../../format/session-keys.ts'
import { unlessGone } from '../../repo/objects/gone-object.ts'
import { putOwn } from '../../repo/objects/put-own.ts'
import { settle } from '../../repo/objects/settle.ts'
import { listAll } from '../../store/store.ts'
import type { PruneContext } from './context.ts'
import type { IndexView } from './index-view.ts'
import type { Roots } from './roots.ts'
import { listSessionNames, SessionReader } from './sessions.ts'
import type { SessionNames } from './sessions.ts'
import { deleteParityOf } from '../../repo/objects/parity-maker.ts'

/** By the clock of the store. Nothing that is confirmed depends on it. */
const GHOST_MS = 90 * 24 * 3_600_000

export interface Cleared {
  /** Sessions of which something was deleted. */
  sessions: number
  /** Sessions whose key objects nobody needs any more, hex: to be planned, for somebody who sleeps may copy what they open. */
  readonly unneeded: string[]
}

/**
 * The lists are read in this order: keys, sessions, index, packs, snapshots. Whatever a session puts after its keys it puts
 * after its intent, and its snapshot after its packs; so what is missing from the later lists did not come between.
 * `keepKeys` when something that is needed is lost: it may come back, and is worth nothing without its keys.
 */
export async function clearLeftovers(
  ctx: PruneContext,
  { view, roots, keepKeys }: { readonly view: IndexView; readonly roots: Roots; readonly keepKeys: boolean },
): Promise<Cleared> {
  const { repo, check } = ctx
  const keys = keepKeys ? [] : await listKeys(ctx)
  const names = await listSessionNames(repo)
  // What a session had put before its end shows.
  await settle(repo.store, ctx.clock)
  await view.refresh(check)
  const snapshots = await roots.list(check)
  const withSnapshot = new Set(snapshots.map(({ sid }) => toHex(sid)))
  const cleared: Cleared = { sessions: 0, unneeded: [] }
  const ended = new Set<string>()
  for (const { sid, state } of await new SessionReader(repo).sessions(names, snapshots)) {
    if (state !== 'ended') continue
    check()
    ended.add(sid)
    await clearEnded(ctx, sid, names.get(sid)!, withSnapshot.has(sid))
    cleared.sessions++
  }
  const used = new Set([...view.present()].flatMap(({ sessions }) => sessions))
  const newestMs = keys.reduce((newest, { receivedMs }) => Math.max(newest, receivedMs), 0)
  for (const { sid, receivedMs } of keys) {
    const session = names.get(sid)
    const isOpen = session?.hasIntent === true && !ended.has(sid)
    // Who was fenced may come back and put a snapshot; it counts for nothing, and should be readable as such.
    const mayComeBack = !ended.has(sid) && session?.hasEnd !== true && newestMs - receivedMs < GHOST_MS
    if (used.has(sid) || withSnapshot.has(sid) || isOpen || mayComeBack || !(await isOfDomain(ctx, sid))) continue
    check()
    cleared.unneeded.push(sid)
  }
  return cleared
}

/** Deletes what is left of a session that a plan condemns; false when its keys were not there, or are of another domain. */
export async function deleteSessionKeys(
  ctx: PruneContext,
  sid: string,
  names: SessionNames | undefined,
): Promise<boolean> {
  if (!(await isOfDomain(ctx, sid))) {
    // Somebody else may have deleted it, and that it is gone may not survive a power cut.
    if (!(await isKeyThere(ctx, sid))) await ctx.repo.store.delete(sessionKeysName(sid))
    return false
  }
  for (const number of names?.beats ?? []) await remove(ctx, heartbeatName(sid, number))
  if (names?.hasEnd === true) await remove(ctx, sessionEndName(sid))
  await remove(ctx, sessionKeysName(sid))
  return true
}

export async function isKeyThere({ repo }: PruneContext, sid: string): Promise<boolean> {
  return (await repo.store.stat(sessionKeysName(sid))) !== null
}

async function clearEnded(
  ctx: PruneContext,
  sid: string,
  { beats }: SessionNames,
  hasSnapshot: boolean,
): Promise<void> {
  const { store } = ctx.repo
  const end = sessionEndName(sid)
  // The end confirms the snapshot from now on, so it has to survive a power cut.
  const bytes = await unlessGone(store, end, () => store.get(end))
  if (bytes === undefined) return
  await putOwn(store, end, bytes)
  await remove(ctx, sessionName(sid))
  for (const number of beats) await remove(ctx, heartbeatName(sid, number))
  if (!hasSnapshot) await remove(ctx, end)
}

async function listKeys({ repo }: PruneContext): Promise<{ readonly sid: string; readonly receivedMs: number }[]> {
  const keys: { readonly sid: string; readonly receivedMs: number }[] = []
  for await (const { name, receivedMs } of listAll(repo.store, PREFIXES.sessionKeys)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind === 'session-keys') keys.push({ sid: parsed.sid, receivedMs })
  }
  return keys
}

/** What does not say plainly that it is of this domain is left alone. */
async function isOfDomain({ repo }: PruneContext, sid: string): Promise<boolean> {
  const name = sessionKeysName(sid)
  const bytes = await unlessGone(repo.store, name, () => repo.store.get(name))
  if (bytes === undefined) return false
  try {
    const keys = readSessionKeys(bytes, name)
    return equalBytes(keys.domainId, repo.domain.id) && equalBytes(keys.sid, fromHex(sid)!)
  } catch {
    return false
  }
}

async function remove({ repo }: PruneContext, name: string): Promise<void> {
  await doing('clearing away what a session left', name, () => repo.store.delete(name))
  await deleteParityOf(repo, name)
}
