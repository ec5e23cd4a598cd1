// Every command that opens a repository compares it with what this machine saw in it before (repo/history/rollback.ts), and
// remembers what it saw.
import { hostname } from 'node:os'
import { BackupError, reasonsOf } from '../base/errors.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { secureRandom } from '../base/random.ts'
import type { LostPlace } from '../repo/history/chain-look.ts'
import type { LocalState } from '../repo/local-state.ts'
import type { LogAction } from '../format/log-record.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import type { ListedRecord } from '../repo/history/log.ts'
import { Repository } from '../repo/repository.ts'
import { isRolledBack, lookAtHistory, rememberLook, rememberOwn, rollbackError } from '../repo/history/rollback.ts'
import type { HistoryLook } from '../repo/history/rollback.ts'
import { writerIdentity } from '../repo/writers/writer-identity.ts'
import type { Context } from './context.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { openStoreAt } from './stores.ts'
import { userName } from './user-name.ts'

/** Throws `rolled-back` where the store went back, unless that is accepted on the command line. */
export async function compareHistory(context: Context, repo: Repository): Promise<void> {
  const state = stateOf(context)
  const look = await lookAtHistory(repo, state)
  const isBack = isRolledBack(look)
  const { acceptRollback } = context.globals
  const { isDryRun = false } = context
  if (isBack && !acceptRollback) throw rollbackError(repo, look)
  if (acceptRollback && isDryRun && isBack) {
    context.reporter.note(`dry run, not accepted yet: ${rollbackError(repo, look).message}`)
  } else if (acceptRollback) await accept(context, repo, look)
  repo.catalog.showsRevoked = context.globals.includeRevoked
  await repo.trust.revoked()
  for (const problem of repo.trust.problems) {
    const message = `${reasonsOf(problem)}; whether it revokes a machine is not known`
    context.reporter.onEvent({ type: 'warning', code: problem.code, message })
  }
  if (state.isUnread || (isBack && isDryRun)) return
  const nowMs = context.clock.now()
  await forgiving(context, () => rememberLook(repo, state, look, { nowMs, accepted: isBack && acceptRollback }))
}

/** What a look finds, for who reports it instead of refusing. */
export function historyLook(context: Context, repo: Repository): Promise<HistoryLook> {
  return lookAtHistory(repo, stateOf(context))
}

/** Remembers a look that has found nothing wrong. */
export function rememberHistory(context: Context, repo: Repository, look: HistoryLook): Promise<void> {
  return forgiving(context, () => rememberLook(repo, stateOf(context), look, { nowMs: context.clock.now() }))
}

/** Remembers the snapshot that a backup has just made, so that a store cannot hide it from the next command. */
export function rememberSnapshot(
  context: Context,
  repo: Repository,
  snapshot: { readonly wid: string; readonly seq: number; readonly id: string },
): Promise<void> {
  const nowMs = context.clock.now()
  return forgiving(context, () => rememberOwn(repo, stateOf(context), 'snapshot', { ...snapshot, nowMs }))
}

/** Says who works here, as records of maintenance name people. */
export function whoWorks({ env }: Context): string {
  return `${userName(env)}@${hostname()}`
}

/** Keeps a record of what was accepted, so that other machines need not be told; what cannot be written is known here alone. */
async function accept(context: Context, repo: Repository, look: HistoryLook): Promise<void> {
  const { reporter } = context
  if (!isRolledBack(look)) return reporter.note('--accept-rollback: the store did not go back; nothing was accepted')
  reporter.note(`accepted: ${rollbackError(repo, look).message}`)
  if (look.lost.length === 0) return
  try {
    const record = await recordAccepted(context, repo, look.lost)
    reporter.note(`noted in the log of the repository as ${record}`)
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    reporter.note(`only this machine knows that it was accepted: ${reasonsOf(error)}`)
  }
}

async function recordAccepted(context: Context, repo: Repository, lost: readonly LostPlace[]): Promise<string> {
  const places = (chain: LostPlace['chain']) =>
    lost
      .filter((each) => each.chain === chain)
      .map(({ wid, head }) => ({ wid: fromHex(wid)!, seq: head.seq, hash: fromHex(head.id)! }))
  const action = { kind: 'accept', snapshots: places('snapshot'), records: places('record') } as const
  return (await addRecord(context, repo, action)).objectName
}

/** Adds a record for a command that has opened the store for reading; in the domain of `repo`. */
export async function addRecord(context: Context, repo: Repository, action: LogAction): Promise<ListedRecord> {
  const store = await openStoreAt(context, repo.store.location, false)
  try {
    const { description, descriptionNumber, bundle, newerDamaged, domain } = repo
    const writable = new Repository({ store, description, descriptionNumber, bundle, newerDamaged })
    writable.machineSeed = repo.inDomains[0]!.machineSeed
    const { clock } = context
    const state = openStateFolder(stateFolder(context.env))
    const writer = await writerIdentity(writable, { state, clock, random: secureRandom, host: hostname(), act: 'log' })
    const within = writable.inDomain(toHex(domain.id))
    return await appendRecord(within, action, { writer, clock, by: whoWorks(context) })
  } finally {
    await store.close()
  }
}

interface ComparedState extends LocalState {
  /** What is remembered could not be read: then it must not be replaced either. */
  isUnread: boolean
}

/** A state that cannot be read is told and compared with nothing: a machine that is broken must still be able to restore. */
function stateOf(context: Context): ComparedState {
  const state = openStateFolder(stateFolder(context.env))
  const compared: ComparedState = {
    ...state,
    isUnread: false,
    read: async (name) => {
      try {
        return await state.read(name)
      } catch (error) {
        if (!(error instanceof BackupError)) throw error
        compared.isUnread = true
        context.reporter.note(`not compared with what this machine saw before: ${reasonsOf(error)}`)
        return null
      }
    },
    write: async (name, bytes) => {
      if (!compared.isUnread) await state.write(name, bytes)
    },
  }
  return compared
}

async function forgiving(context: Context, step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    context.reporter.note(`what was seen of the repository could not be remembered: ${reasonsOf(error)}`)
  }
}
