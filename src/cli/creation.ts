// Creates a repository and its first key.
import { BackupError, codeOf } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import type { KeyFile, NewCredential } from '../credentials/credential.ts'
import { type Cipher, cipherOf, suiteOf } from '../crypto/ciphers.ts'
import type { ParityShares } from '../format/repo-description.ts'
import type { Repository } from '../repo/repository.ts'
import { HARMLESS } from '../store/object-names.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { writeNewFile } from './new-file.ts'
import { escapeName, escapeText } from './escape.ts'
import { recipientCredential, type RecipientFlags } from './identities.ts'
import { rememberRoot } from './known-roots.ts'
import { openWith, warnOf } from './repository.ts'
import { credentialForNew } from './secrets.ts'
import { costOfNew } from './slot-cost.ts'
import { openStoreAt, repositoryLocation } from './stores.ts'

export interface CreationFlags extends RecipientFlags {
  readonly newKeyFile?: string
  readonly label?: string
  readonly cipher?: Cipher
  readonly publicData?: boolean
  readonly parity?: number
  readonly parityOfMetadata?: number
}

/** `holdfast init`. */
export async function initRepository(context: Context, flags: CreationFlags): Promise<void> {
  const cipher = chosenCipher(flags)
  const { location } = await repositoryLocation(context)
  const skipped: string[] = []
  const store = await openNewStore(context, location, skipped)
  try {
    // Before anybody is asked for a passphrase or gets a key file.
    const { refuseUnlessFree } = await import('../repo/objects/free-place.ts')
    await refuseUnlessFree(store, () => foreignAmong(skipped))
    const credential = await firstCredential(context, location, flags)
    const repository = await createAt(context, store, credential, {
      label: flags.label ?? '',
      cipher,
      parity: chosenParity(flags),
    })
    await rememberRoot(context, store.location, repository.description.rootPublic)
    const what = cipher === 'none' ? 'a repository without encryption' : 'an encrypted repository'
    context.out.line(`created ${what} at ${escapeName(store.location)}${cipher === 'none' ? '' : ` (${cipher})`}`)
    warnOfReaders(context, repository)
    context.reporter.note(keepWarning(credential.kind, cipher, flags.newKeyFile))
    context.out.record({
      type: 'repository',
      location: store.location,
      id: Buffer.from(repository.id).toString('hex'),
      cipher,
    })
  } finally {
    await store.close()
  }
}

async function firstCredential(context: Context, location: string, flags: CreationFlags): Promise<NewCredential> {
  const recipients = await recipientCredential(context, flags)
  const { newKeyFile } = flags
  if (newKeyFile === undefined) return recipients ?? credentialForNew(context, location)
  if (recipients === undefined) return writeKeyFile(newKeyFile)
  throw new BackupError('usage', 'two first keys are given', '--new-key-file and recipients', {
    hint: 'add the other one with `holdfast key add`',
  })
}

/** `none` for content that anybody may read must be meant. Throws `usage`. */
function chosenCipher({ cipher = 'aes-256-gcm', publicData = false }: CreationFlags): Cipher {
  if (cipher === 'none' && !publicData) {
    throw new BackupError('usage', 'without a cipher whoever has the store reads every file in it', '--cipher none', {
      hint: 'if everybody may read what is backed up, add --public-data',
    })
  }
  if (cipher !== 'none' && publicData) {
    throw new BackupError('usage', `with ${cipher} the data is not public`, '--public-data', {
      hint: 'leave it out, or choose --cipher none',
    })
  }
  return cipher
}

/** See docs/decisions/0020-parity-and-repair.md. */
const DEFAULT_PARITY: ParityShares = { data: 0.015, meta: 0.1 }

/** Null for none. */
function chosenParity({ parity, parityOfMetadata }: CreationFlags): ParityShares | null {
  const { data, meta } = DEFAULT_PARITY
  if (parity === 0 && parityOfMetadata === undefined) return null
  return { data: parity ?? data, meta: parityOfMetadata ?? meta }
}

/** Says before anything is stored who will be able to read it. */
export function warnOfReaders({ reporter }: Context, { description, domain, suite }: Repository): void {
  if (cipherOf(suite) !== 'none') return
  const what = cipherOf(description.suite) === 'none' ? 'This repository' : `The domain ${escapeText(domain.name)}`
  reporter.note(`${what} is not encrypted: names and content of all files can be read by whoever has the store.`)
}

export interface BackupRepository {
  readonly location: string
  readonly created: boolean
}

/** What a backup does while the repository is opened. */
export interface BackupPreparation {
  /** Called when the credential is at hand. */
  begin(): void
  /** Called when all is over, whether well or not. */
  end(): Promise<void>
}

/**
 * Opens the repository to write to it. The one in the user's data folder is made when it is not there; one that was named
 * is not: a disk that is not mounted must not be taken for an empty one.
 */
export async function withRepositoryForBackup<T>(
  context: Context,
  prepare: (store: Store) => BackupPreparation,
  work: (repository: Repository, place: BackupRepository) => Promise<T>,
): Promise<T> {
  const { location, isDefault } = await repositoryLocation(context)
  const skipped: string[] = []
  const store = await openStoreAt(context, location, isDefault, skipped)
  try {
    const created = isDefault && (await isFree(store, skipped))
    const preparation = prepare(store)
    try {
      const repository = created
        ? await createDefault(context, store)
        : await openWith(context, store, () => preparation.begin())
      warnOf(context, repository.problems)
      await rememberRoot(context, store.location, repository.description.rootPublic)
      return await work(repository, { location: store.location, created })
    } finally {
      await preparation.end()
    }
  } finally {
    await store.close()
  }
}

/** A new repository in an empty store. */
export async function createAt(
  context: Context,
  store: Store,
  credential: NewCredential,
  {
    label = '',
    cipher = 'aes-256-gcm',
    parity = DEFAULT_PARITY,
  }: { readonly label?: string; readonly cipher?: Cipher; readonly parity?: ParityShares | null } = {},
): Promise<Repository> {
  const [{ createRepository }, { DEFAULT_PARAMS }, { initHashing }] = await Promise.all([
    import('../repo/create-repository.ts'),
    import('../chunker/params.ts'),
    import('../crypto/hash.ts'),
  ])
  await initHashing()
  const { clock } = context
  const suite = suiteOf(cipher)
  return createRepository(store, {
    credential,
    label,
    clock,
    random: secureRandom,
    chunker: DEFAULT_PARAMS,
    suite,
    ...(await costOfNew(context, credential)),
    ...(parity !== null && { parity }),
  })
}

export function keepWarning(kind: NewCredential['kind'], cipher: Cipher, keyFile?: string): string {
  const why = cipher === 'none' ? 'no command opens the repository' : 'nobody can read the backups'
  if (kind === 'tpm' || kind === 'pkcs11') {
    const what = kind === 'tpm' ? 'the TPM of this machine' : 'this token'
    return `Add another key, such as a recovery sheet: without ${what} ${why}.`
  }
  const file = keyFile === undefined ? 'the key file' : `a copy of ${keyFile}`
  const name = kind === 'passphrase' ? 'the passphrase' : kind === 'key-file' ? file : 'a copy of the private key'
  return `Keep ${name} where this machine cannot lose it: without it ${why}.`
}

/** Writes a new key file, which must not exist, readable by its owner only; returns what it opens. */
export async function writeKeyFile(file: string): Promise<KeyFile> {
  const { formatKeyFile, newKeyFileSecret } = await import('../crypto/keyfile.ts')
  const secret = newKeyFileSecret(secureRandom)
  writeNewFile('writing key file', file, formatKeyFile(secret))
  return { kind: 'key-file', secret }
}

/** Where a folder cannot be made, what opening a store says of a missing one is no help. */
async function openNewStore(context: Context, location: string, skipped: string[]): Promise<Store> {
  try {
    return await openStoreAt(context, location, true, skipped)
  } catch (cause) {
    if (codeOf(cause) !== 'not-found') throw cause
    const hint = 'choose a place where folders can be made'
    throw new BackupError('not-found', 'the folder of the repository cannot be made', location, { cause, hint })
  }
}

async function isFree(store: Store, skipped: readonly string[]): Promise<boolean> {
  const { isFreePlace } = await import('../repo/objects/free-place.ts')
  return isFreePlace(store, () => foreignAmong(skipped))
}

function foreignAmong(skipped: readonly string[]): string | undefined {
  return skipped.find((name) => !HARMLESS.has(name))
}

async function createDefault(context: Context, store: Store): Promise<Repository> {
  context.reporter.note(`No repository yet: creating an encrypted one in ${store.location}`)
  const credential = await credentialForNew(context, 'the new repository')
  context.reporter.note(keepWarning(credential.kind, 'aes-256-gcm'))
  return createAt(context, store, credential)
}
