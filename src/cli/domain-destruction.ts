// `holdfast domain destroy`: a domain with its keys and all that was stored in it.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { destroyDomain, planDestruction } from '../ops/destroy/destroy.ts'
import type { Destruction } from '../ops/destroy/destroy.ts'
import type { Context } from './context.ts'
import { passedText } from './domain-commands.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { escapeText } from './escape.ts'
import { keyId, shortKey } from './key-commands.ts'
import { recordKeyAction, slotsRemoved } from './key-records.ts'
import type { OpenedStore } from './repository.ts'
import { terminalAsk } from './terminal-ask.ts'
import { counted, formatSize } from './units.ts'

export interface DestroyFlags {
  readonly overwrite?: boolean
  readonly reason?: string
  readonly yes?: string
}

export async function destroyDomainNamed(
  context: Context,
  opened: OpenedStore,
  spec: string,
  { overwrite = false, reason, yes }: DestroyFlags,
): Promise<ExitCode> {
  const { store, unlocked, credential } = opened
  if (overwrite && store.shred === undefined) {
    throw new BackupError('unsupported', 'this store cannot overwrite what it has', store.location, {
      hint: 'leave out --overwrite, and have the room overwritten where the store is',
    })
  }
  const destruction = await planDestruction(store, unlocked, { domain: spec, removed: await slotsRemoved(opened) })
  showDestruction(context, destruction)
  await confirm(context, destruction.domain.name, yes)
  const remove = overwrite ? (name: string) => store.shred!(name) : (name: string) => store.delete(name)
  const done = await destroyDomain(store, unlocked, destruction, {
    credential,
    remove,
    record: (action, bundle) => recordKeyAction(context, opened, action, bundle),
    ...(reason !== undefined && { reason }),
  })
  const { id, name } = destruction.domain
  context.out.line(`destroyed domain ${escapeText(name)}; the key in use is now ${shortKey(done.slotName)}`)
  context.out.record({ type: 'domain_change', action: 'destroyed', id: toHex(id), name, key: keyId(done.slotName) })
  if (destruction.domain.isPublic === true)
    context.reporter.note(
      'What was stored for it was not encrypted: whoever has a copy of the store reads it without any key.',
    )
  context.reporter.note(
    overwrite
      ? 'Overwritten is what the file system writes in place. Copies of the store, snapshots of its file system, and what an SSD or a file system that copies on write has kept are not.'
      : 'Whoever can read deleted files of the store, or has a copy of it, and has a key slot from before, can still read the domain.',
  )
  return destruction.content.unclear.length > 0 ? EXIT.damage : EXIT.ok
}

function showDestruction({ out, reporter }: Context, { domain, content, renewed, ended, passed }: Destruction): void {
  const { packs, bytes, segments, unclear } = content
  // Each lies in the trash several times, if it is there.
  const snapshots = new Set(content.snapshots.map(({ id }) => id)).size
  out.line(`This is the domain ${escapeText(domain.name)}, with everything that goes with it:`)
  out.line(`  ${counted(snapshots, 'snapshot')}, ${counted(packs.length, 'pack')} (${formatSize(bytes)})`)
  out.line(`  its keys, in ${counted(renewed.length, 'key')} of the repository, which stay without it`)
  if (ended.length > 0) {
    out.line(
      `  and ${counted(ended.length, 'key')} that open nothing else: ${ended.map(({ name }) => shortKey(name)).join(', ')}`,
    )
  }
  out.record({
    type: 'domain_destruction',
    id: toHex(domain.id),
    name: domain.name,
    snapshots,
    packs: packs.length,
    bytes,
    segments: segments.length,
    keys_without: renewed.length,
    keys_removed: ended.map(({ name }) => keyId(name)),
    keys_passed: passed.map(({ name }) => keyId(name)),
    unclear,
  })
  if (passed.length > 0) reporter.note(`These keys may keep the keys of the domain: ${passedText(passed)}.`)
  if (unclear.length > 0) {
    out.line(
      `Damaged, so that nobody can tell whether they are of the domain; they stay: ${counted(unclear.length, 'object')}`,
    )
    for (const object of unclear) out.line(`  ${escapeText(object)}`)
  }
}

/** The name has to be typed: `yes` alone is typed too easily. */
async function confirm(context: Context, name: string, given: string | undefined): Promise<void> {
  await context.out.drained()
  const typed =
    given ?? (await terminalAsk(context.reporter).text('Nothing brings it back. To go on, type the name of the domain'))
  if (typed === name) return
  const what =
    typed === null || typed === ''
      ? 'nothing was destroyed'
      : 'this is not the name of the domain, and nothing was destroyed'
  throw new BackupError('refused', what, typed === null || typed === '' ? name : typed, {
    hint: `run it with --yes '${name}' when that is what is meant`,
  })
}
