// Which repository this user's client has met at which place. A passphrase and a key file prove by themselves that a key
// slot was made by somebody who knows them, and may be used for several repositories: another one than before is told. A slot
// for a public key can be made by everybody, whoever owns the store included, with keys of his own in it; so the root key is
// compared with the one that was seen first.
import { createHash } from 'node:crypto'
import { equalBytes, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { vouches, type Credential } from '../credentials/credential.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'

/** What opening gives, of which the root key is compared. */
interface Opened {
  readonly description: { readonly rootPublic: Uint8Array }
}

/**
 * Opens with the root key that is known, where the credential does not vouch for it, and remembers it where there was
 * none. Throws what `open` throws.
 */
export async function knowingRoot<T extends Opened>(
  context: Context,
  location: string,
  credential: Credential,
  open: (root?: Uint8Array) => Promise<T>,
): Promise<T> {
  if (vouches(credential)) {
    const opened = await open()
    await tellIfAnother(context, location, opened.description.rootPublic)
    return opened
  }
  const known = await knownRoot(context, location)
  const opened = await open(known)
  if (known === undefined) {
    await rememberRoot(context, location, opened.description.rootPublic)
    context.reporter.note(
      `This machine has not opened ${escapeText(location)} with a public key before. It takes the repository there for the right one from now on; its root key is ${rootFingerprint(opened.description.rootPublic)}.`,
    )
  }
  return opened
}

/** Two disks may take turns at one place, and a repository may be made anew there; a store may also show the wrong one. */
async function tellIfAnother(context: Context, location: string, root: Uint8Array): Promise<void> {
  const known = await knownRoot(context, location).catch((error: unknown) => {
    if (error instanceof BackupError) return undefined // told where a public key needs it
    throw error
  })
  if (known === undefined || equalBytes(known, root)) return
  context.reporter.warn(
    `This is another repository than the one known at ${escapeText(location)}: its root key is ${rootFingerprint(root)}, before it was ${rootFingerprint(known)}. A backup makes it the known one.`,
  )
}

/** Whether the repository at this place was met before, so that a stranger's would be noticed. */
export async function isRootKnown(context: Context, location: string): Promise<boolean> {
  try {
    return (await knownRoot(context, location)) !== undefined
  } catch (error) {
    if (error instanceof BackupError) return false
    throw error
  }
}

/** Does nothing when it is known; warns when it cannot be written. */
export async function rememberRoot({ env, reporter }: Context, location: string, root: Uint8Array): Promise<void> {
  const { openStateFolder, stateFolder } = await import('./state-folder.ts')
  const state = openStateFolder(stateFolder(env))
  const name = fileName(location)
  try {
    const content = await state.read(name)
    const known = content && parse(content)
    if (known === null || !equalBytes(known, root))
      await state.write(name, utf8(`${MAGIC}${toHex(root)} ${location}\n`))
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    reporter.warn(`the root key of this repository is not remembered: ${error.message}`)
  }
}

/** As people compare it. */
export function rootFingerprint(root: Uint8Array): string {
  return toHex(root).slice(0, 32).match(/.{8}/g)!.join(' ')
}

const MAGIC = 'holdfast-root-1 '

async function knownRoot({ env }: Context, location: string): Promise<Uint8Array | undefined> {
  const { openStateFolder, stateFolder } = await import('./state-folder.ts')
  const content = await openStateFolder(stateFolder(env)).read(fileName(location))
  if (content === null) return undefined
  const root = parse(content)
  if (root !== null) return root
  throw new BackupError('corrupt', 'the note about the root key of this repository is damaged', fileName(location), {
    hint: `remove it from ${stateFolder(env)} if you are sure of the repository`,
  })
}

function parse(content: Uint8Array): Uint8Array | null {
  const match = /^holdfast-root-1 ([0-9a-f]{64}) /.exec(new TextDecoder().decode(content))
  return match === null ? null : fromHex(match[1]!)
}

function fileName(location: string): string {
  return `root-${createHash('sha256').update(location).digest('hex').slice(0, 32)}`
}
