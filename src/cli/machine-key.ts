// The key of a machine that was enrolled: made here, never shown, of use for one repository. It lies in the state folder,
// readable by its owner alone, as SSH keys do.
import { createHash } from 'node:crypto'
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import type { Unlocker } from '../credentials/credential.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'

export interface MachineKey {
  /** Of its writer, 32 bytes. */
  readonly seed: Uint8Array
  /** Identity of age. */
  readonly identity: string
}

/** The key that this machine has for the repository there; undefined when it has none. */
export async function machineKey({ env }: Context, location: string): Promise<MachineKey | undefined> {
  const name = fileName(location)
  const content = await openStateFolder(stateFolder(env)).read(name)
  if (content === null) return undefined
  const match = PATTERN.exec(new TextDecoder().decode(content))
  if (match !== null) return { seed: fromHex(match[1]!)!, identity: match[2]! }
  throw new BackupError('corrupt', 'the key of this machine is damaged', `${stateFolder(env)}/${name}`, {
    hint: 'remove it and run `holdfast enroll request` again',
  })
}

/** The same, or else a new one, which is kept; `anew` in any case. */
export async function machineKeyOrNew(
  context: Context,
  location: string,
  { anew, random }: { readonly anew: boolean; readonly random: SecureRandom },
): Promise<MachineKey> {
  const state = openStateFolder(stateFolder(context.env))
  return state.exclusive(fileName(location), async () => {
    const kept = anew ? undefined : await machineKey(context, location)
    if (kept !== undefined) return kept
    const { newHybridIdentity } = await import('../credentials/age-keys.ts')
    const key = { seed: random(32), identity: await newHybridIdentity() }
    await state.write(fileName(location), utf8(`${MAGIC}${toHex(key.seed)}\n${key.identity}\n`))
    return key
  })
}

/** What opens the key slot that is made for it. */
export async function machineCredential({ identity }: MachineKey): Promise<Unlocker> {
  const [{ parseIdentityFile }, { ageUnlocker }] = await Promise.all([
    import('../credentials/age-identity.ts'),
    import('../credentials/age-unlocker.ts'),
  ])
  const nobody = { secret: async () => null, text: async () => null, choose: async () => null, tell: () => false }
  return ageUnlocker(await parseIdentityFile(utf8(identity), DESCRIPTION, { ask: nobody }), DESCRIPTION)
}

/** Why the key of this machine opens nothing: it was let in, and is not any more; undefined when it was never let in. */
export async function machineRefused(store: Store, { seed }: MachineKey): Promise<BackupError | undefined> {
  const [{ signingKeyFromSeed }, { writerIdOf }, { writerName }] = await Promise.all([
    import('../crypto/signing.ts'),
    import('../format/signed-object.ts'),
    import('../format/names.ts'),
  ])
  const wid = writerIdOf(signingKeyFromSeed(seed).publicKey)
  // The certificate of a machine stays when its key is taken away; what the log says of that it may not open any more.
  if ((await store.stat(writerName(wid))) === null) return undefined
  const id = toHex(wid).slice(0, 8)
  return new BackupError(
    'wrong-key',
    `this machine (writer ${id}) was let in, and its key was removed since`,
    store.location,
    {
      hint: 'an administrator sees in `holdfast audit` who has revoked it or removed its key, and when; if it is to go on, ask to be let in anew: `holdfast enroll request --anew`',
    },
  )
}

export async function machineRecipient({ identity }: MachineKey): Promise<string> {
  const { recipientOf } = await import('../credentials/age-keys.ts')
  return recipientOf(identity)
}

const DESCRIPTION = 'the key of this machine'
const MAGIC = 'holdfast-machine-1 '
const PATTERN = /^holdfast-machine-1 ([0-9a-f]{64})\n(AGE-SECRET-KEY-[0-9A-Z-]+)\n$/

function fileName(location: string): string {
  return `machine-${createHash('sha256').update(location).digest('hex').slice(0, 32)}`
}
