// People with a credential of their own in somebody else's repository.
import { toHex } from '../../src/base/bytes.ts'
import { seededRng } from '../../src/base/random.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import type { Bundle, Role } from '../../src/format/bundle.ts'
import { writerIdOf } from '../../src/format/signed-object.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { addSlot } from '../../src/repo/keys/keyring.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import type { AppendOptions } from '../../src/repo/history/log-append.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { planRevocation } from '../../src/repo/history/revoke-writer.ts'
import { restrictBundle } from '../../src/repo/roles.ts'
import { putCertificate } from '../../src/repo/writers/writer-certificate.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { SmallRepository } from '../damage/small-repository.ts'
import { ScriptedSource } from '../support/scripted-source.ts'
import type { ScriptedFolder } from '../support/scripted-source.ts'

export interface Insider {
  readonly credential: { readonly kind: 'key-file'; readonly secret: Uint8Array }
  readonly slotName: string
  readonly bundle: Bundle
  /** Opens the repository with it, its index loaded; not for the role report. */
  open(): Promise<Repository>
}

/** Lets somebody in with a role; an administrator has done so. */
export async function letIn(made: SmallRepository, role: Role): Promise<Insider> {
  const { store, clock, random } = made
  const { bundle, description } = await made.open()
  const { suite } = description
  const seed = random(32)
  const { publicKey } = signingKeyFromSeed(seed)
  const own = restrictBundle(bundle, { role, random })
  if (role !== 'report') await putCertificate(bundle, own, publicKey, { store, clock, name: role, suite })
  const restricted = role === 'report' ? own : { ...own, writer: { wid: writerIdOf(publicKey), seed } }
  const credential = { kind: 'key-file' as const, secret: random(32) }
  const created = { sec: 1_700_000_000, nsec: 0 }
  const slotName = await addSlot(store, restricted, credential, { created, random, suite, maker: bundle })
  const open = async () => {
    const repo = await openRepository(store, credential)
    await repo.loadIndex()
    return repo
  }
  return { credential, slotName, bundle: restricted, open }
}

/** An administrator says that nothing which this writer signs counts from now on. */
export async function revoke(made: SmallRepository, wid: Uint8Array): Promise<void> {
  const repo = await made.open()
  await appendRecord(
    repo,
    (await planRevocation(repo, toHex(wid), {}, 'broken into')).action,
    await administrator(made),
  )
}

/** Who signs records on the machine of the administrator. */
export async function administrator(made: SmallRepository): Promise<AppendOptions> {
  const { clock, random, state } = made
  const writer = await writerIdentity(await made.open(), { state, clock, random, host: 'host' })
  return { writer, clock, by: 'ada@desk' }
}

/** The administrator reads all packs and attests those that are good; gives how many. */
export async function attestAll(made: SmallRepository): Promise<number> {
  const repo = await made.open()
  const { attestable } = await checkRepository({ repo, depth: 'all', attest: true, rng: seededRng(1), threads: 0 })
  const of = (wanted: string) => attestable.filter(({ kind }) => kind === wanted)
  const action = { kind: 'attest', dataPacks: of('data'), metaPacks: of('meta') } as const
  await appendRecord(repo, action, await administrator(made))
  return attestable.length
}

/** A backup by somebody who has opened the repository. */
export async function backUpAs(
  { clock, random }: SmallRepository,
  repo: Repository,
  tree: ScriptedFolder,
  state: LocalState,
): Promise<void> {
  const source = new ScriptedSource(tree)
  await runBackup({
    repo,
    source,
    state,
    clock,
    random,
    host: 'host',
    user: 'somebody',
    tool: 'test',
    onEvent: ignoreEvents,
    makeExecutor: (setup) => inlineExecutor(setup, source),
  })
}
