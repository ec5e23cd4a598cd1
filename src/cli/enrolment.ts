// `holdfast enroll …`: letting a new machine in, from both sides.
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError, codeOf } from '../base/errors.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { secureRandom } from '../base/random.ts'
import { forAgeRecipients, parseAgeRecipient } from '../credentials/age-recipient.ts'
import type { Role } from '../format/bundle.ts'
import { approveEnrolment, listRequests, requestEnrolment } from '../repo/writers/enrolment.ts'
import { openRepository } from '../repo/open-repository.ts'
import { readDescriptions } from '../repo/descriptions.ts'
import type { Repository } from '../repo/repository.ts'
import { ROLE_TEXTS } from '../repo/roles.ts'
import type { Store } from '../store/store.ts'
import { initHashing } from '../crypto/hash.ts'
import { signingKeyFromSeed } from '../crypto/signing.ts'
import type { Context } from './context.ts'
import { escapeName } from './escape.ts'
import { jsonTime } from './json-lines.ts'
import { rememberRoot, rootFingerprint } from './known-roots.ts'
import { machineCredential, machineKeyOrNew, machineRecipient } from './machine-key.ts'
import type { UnlockedStore } from './repository.ts'
import { stoppable } from './signals.ts'
import { terminalAsk } from './terminal-ask.ts'
import { shortKey } from './key-commands.ts'
import { tableLines } from './table.ts'
import { formatLocalTime } from './units.ts'
import { timespecFromMs } from '../base/time.ts'

export interface RequestFlags {
  readonly root?: string
  readonly noWait?: boolean
  readonly anew?: boolean
}

/** How often the store is asked whether an administrator has answered. */
const POLL_MS = 1000

/** `holdfast enroll request`, on the new machine. */
export async function requestToEnroll(context: Context, store: Store, flags: RequestFlags): Promise<void> {
  await initHashing()
  const [described] = (await readDescriptions(store)).found
  if (described === undefined) throw new BackupError('not-found', 'not a repository', store.location)
  const { repoId, rootPublic } = described.description
  const fingerprint = rootFingerprint(rootPublic)
  if (flags.root !== undefined && plain(flags.root) !== plain(fingerprint)) throw otherRoot(store, fingerprint)
  if (flags.root !== undefined) await rememberRoot(context, store.location, rootPublic)
  const key = await machineKeyOrNew(context, store.location, { anew: flags.anew === true, random: secureRandom })
  const open = async () => openRepository(store, await machineCredential(key), rootPublic)
  let repository = await openIfEnrolled(open)
  if (repository === undefined) {
    const recipient = await machineRecipient(key)
    const { publicKey } = signingKeyFromSeed(key.seed)
    // Both: the store could have put a request for this recipient there that certifies another key.
    const waiting = (await listRequests(store, repoId)).find(
      ({ request }) => request.recipient === recipient && equalBytes(request.publicKey, publicKey),
    )
    const code =
      waiting?.code ?? (await requestEnrolment(store, { repoId, seed: key.seed, recipient, clock: context.clock }))
    context.out.record({ type: 'enrolment_request', code, root: fingerprint })
    context.out.line(
      `This machine asks to be let into ${escapeName(store.location)}. Where you are an administrator, run:`,
    )
    context.out.line('')
    context.out.line(`    holdfast enroll approve ${code} --role write`)
    context.out.line('')
    context.out.line(`The root key of the repository, as this machine sees it: ${fingerprint}`)
    if (flags.noWait === true) return
    await context.out.drained() // the code has to be seen while this waits
    context.reporter.note('Waiting for the answer. Ctrl-C ends the waiting; the same command goes on with it.')
    repository = await waitFor(context, open)
  }
  if (flags.root === undefined) await confirmRoot(context, store, fingerprint)
  await rememberRoot(context, store.location, rootPublic)
  const { role } = repository.bundle
  context.out.line(`This machine is enrolled with the role ${role}: it ${ROLE_TEXTS[role]}.`)
  context.out.record({ type: 'enrolled', role, root: fingerprint })
}

async function openIfEnrolled(open: () => Promise<Repository>): Promise<Repository | undefined> {
  try {
    return await open()
  } catch (error) {
    if (codeOf(error) === 'wrong-key') return undefined
    throw error
  }
}

async function waitFor(context: Context, open: () => Promise<Repository>): Promise<Repository> {
  return stoppable(context, 'the request stays; run the same command again to go on', async (signal) => {
    for (;;) {
      const repository = await openIfEnrolled(open)
      if (repository !== undefined) return repository
      await sleep(POLL_MS, undefined, { signal }).catch(() => {})
      if (signal.aborted)
        throw new BackupError('interrupted', 'not enrolled yet', 'the request stays in the repository')
    }
  })
}

/** Whoever owns the store could have put a repository of his own there, with a key slot for this machine in it. */
async function confirmRoot(context: Context, store: Store, fingerprint: string): Promise<void> {
  const question = `Does the administrator's side show the root key ${fingerprint} too?`
  const yes = await terminalAsk(context.reporter).choose(question, 'yes, it is the same', 'no, or I do not know')
  if (yes === true) return
  throw new BackupError('refused', 'nobody has said that this is the right repository', store.location, {
    hint: `compare the root key with what \`holdfast enroll approve\` showed, and run this again with --root '${fingerprint}'`,
  })
}

function otherRoot(store: Store, fingerprint: string): BackupError {
  return new BackupError('refused', `the root key of what is there is ${fingerprint}`, store.location, {
    hint: 'this is another repository than the one you mean; do not back up into it',
  })
}

function plain(fingerprint: string): string {
  return fingerprint.toLowerCase().replace(/[^0-9a-f]/g, '')
}

/** Of a machine key: X25519 with ML-KEM-768. */
const RECIPIENT = /^age1pq1[0-9a-z]{100,4000}$/

export interface ApproveFlags {
  readonly role?: Role
  readonly domain?: readonly string[]
  readonly name?: string
}

/** `holdfast enroll approve`, where an administrator is. */
export async function approveMachine(
  context: Context,
  { store, unlocked }: UnlockedStore,
  code: string,
  flags: ApproveFlags,
): Promise<void> {
  const { bundle, description } = unlocked
  const role = flags.role ?? 'write'
  const { slotName, wid } = await approveEnrolment(store, bundle, code, {
    role,
    name: flags.name ?? `machine ${code.slice(0, 5)}`,
    ...(flags.domain !== undefined && { domains: flags.domain }),
    recipientOf: async (recipient) => {
      // A stranger's text: what else age knows as a recipient would run programs here.
      if (!RECIPIENT.test(recipient)) {
        throw new BackupError('refused', 'the request is for a key that no machine makes', code)
      }
      return forAgeRecipients([await parseAgeRecipient(recipient, code, { ask: terminalAsk(context.reporter) })])
    },
    clock: context.clock,
    random: secureRandom,
    suite: description.suite,
  })
  const root = rootFingerprint(bundle.rootPublic)
  context.out.line(`enrolled: the machine ${ROLE_TEXTS[role]}; its key is ${shortKey(slotName)}`)
  context.out.line(`Compare on the new machine, the root key of this repository: ${root}`)
  context.out.record({ type: 'enrolment', code, role, writer: toHex(wid), key: shortKey(slotName), root })
}

/** `holdfast enroll list`. */
export async function listMachines({ out, reporter }: Context, { store, unlocked }: UnlockedStore): Promise<void> {
  const requests = await listRequests(store, unlocked.bundle.repoId)
  const rows = requests.map(({ code, receivedMs }) => [code, formatLocalTime(timespecFromMs(receivedMs))])
  for (const line of requests.length === 0 ? [] : tableLines([{ title: 'CODE' }, { title: 'ASKED' }], rows))
    out.line(line)
  for (const { code, receivedMs } of requests) {
    out.record({ type: 'enrolment_request', code, received: jsonTime(timespecFromMs(receivedMs)) })
  }
  if (requests.length === 0) reporter.note('no machine waits to be let in')
}
