// A repository in a folder for one test, made in this process: a key file opens it, its packs may be small, and every
// snapshot in it can be read to the last byte.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { DEFAULT_PARAMS, type ChunkerParams } from '../../src/chunker/params.ts'
import { textOfBytes } from '../../src/cli/native-text.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { formatKeyFile } from '../../src/crypto/keyfile.ts'
import type { ParityShares } from '../../src/format/repo-description.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { contentOf } from '../../src/ops/cat.ts'
import { listTree } from '../../src/ops/ls.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import type { Credential, SecretCredential } from '../../src/credentials/credential.ts'
import type { Role } from '../../src/format/bundle.ts'
import { removedSlots } from '../../src/repo/history/slot-removals.ts'
import { addDomain } from '../../src/repo/keys/change-domains.ts'
import { readDescriptions } from '../../src/repo/descriptions.ts'
import { addSlot } from '../../src/repo/keys/keyring.ts'
import { restrictBundle } from '../../src/repo/roles.ts'
import { putCertificate } from '../../src/repo/writers/writer-certificate.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { writerIdOf } from '../../src/format/signed-object.ts'
import { openRepository, unlockRepository } from '../../src/repo/open-repository.ts'
import { Repository } from '../../src/repo/repository.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import type { Store } from '../../src/store/store.ts'

export interface ScratchOptions {
  /** Folder of the repository; `repository` in the scratch folder unless given. */
  readonly location?: string
  /** Bytes of a data pack, a power of two: small ones make many steps of a short run. */
  readonly packSize?: number
  readonly parity?: ParityShares
}

/** What a snapshot has under each path: `file <sha256>`, `file unread`, `symlink <target>`, or the kind alone. */
export type SnapshotContent = Readonly<Record<string, string>>

export class ScratchRepository {
  readonly location: string
  readonly keyFile: string
  readonly credential: SecretCredential

  private constructor(location: string, keyFile: string, credential: SecretCredential) {
    this.location = location
    this.keyFile = keyFile
    this.credential = credential
  }

  /** Makes the repository; its key file lies in `folder`, which must be there. */
  static async create(folder: string, opts: ScratchOptions = {}): Promise<ScratchRepository> {
    await initHashing()
    const { location = join(folder, 'repository'), packSize, parity } = opts
    const secret = secureRandom(32)
    const keyFile = join(folder, 'repository.key')
    writeFileSync(keyFile, formatKeyFile(secret), { mode: 0o600 })
    const scratch = new ScratchRepository(location, keyFile, { kind: 'key-file', secret })
    await createRepository(await scratch.store(true), {
      credential: scratch.credential,
      clock: systemClock,
      random: secureRandom,
      chunker: packSize === undefined ? DEFAULT_PARAMS : chunksFor(packSize),
      ...(packSize !== undefined && { packSize }),
      ...(parity !== undefined && { parity }),
    })
    return scratch
  }

  store(create = false): Promise<Store> {
    if (create) mkdirSync(this.location, { recursive: true })
    return openFsStore(this.location, { create })
  }

  /** The repository with its index loaded; through `store` where it is given. */
  async open(store?: Store): Promise<Repository> {
    const repository = await openRepository(store ?? (await this.store()), this.credential)
    await repository.loadIndex()
    return repository
  }

  /** A key file for somebody with a lesser role; `writer` for a machine of its own. */
  async addRole(role: Role, domains?: readonly string[]): Promise<SecretCredential> {
    const { store, bundle, description } = await this.open()
    const credential = { kind: 'key-file', secret: secureRandom(32) } as const
    const restricted = restrictBundle(bundle, { role, random: secureRandom, ...(domains && { domains }) })
    const seed = secureRandom(32)
    const { publicKey } = signingKeyFromSeed(seed)
    const writer = { wid: writerIdOf(publicKey), seed }
    if (role !== 'report') {
      const about = { store, clock: systemClock, name: role, suite: description.suite }
      await putCertificate(bundle, restricted, publicKey, about)
    }
    const details = { created: { sec: 0, nsec: 0 }, random: secureRandom, suite: description.suite, maker: bundle }
    await addSlot(store, role === 'report' ? restricted : { ...restricted, writer }, credential, details)
    return credential
  }

  /** Adds domains for the administrator's key. */
  async addDomains(...names: readonly string[]): Promise<void> {
    const store = await this.store()
    for (const name of names) {
      const unlocked = await unlockRepository(store, await readDescriptions(store), this.credential)
      const removed = await removedSlots(new Repository({ store, ...unlocked }))
      await addDomain(store, unlocked, { name, credential: this.credential, random: secureRandom, removed })
    }
  }

  /** Opened by another credential. */
  async openWith(credential: Credential): Promise<Repository> {
    const repository = await openRepository(await this.store(), credential)
    await repository.loadIndex()
    return repository
  }

  /** Reads everything that snapshots hold, oldest first, from that number on; throws when something is not there or damaged. */
  async readAll(from = 0): Promise<SnapshotContent[]> {
    const repository = await this.open()
    const contents: SnapshotContent[] = []
    for (const { body } of (await repository.snapshots()).slice(from))
      contents.push(await readTree(repository, body.root))
    return contents
  }
}

/** Chunks of which a pack holds a few. */
function chunksFor(packSize: number): ChunkerParams {
  return { min: packSize / 64, average: packSize / 16, max: packSize / 4 }
}

/** Reads everything below a root. */
export async function readTree(repository: Repository, root: Uint8Array): Promise<SnapshotContent> {
  const entries: [string, Entry][] = []
  await listTree({
    reader: repository,
    root,
    path: new Uint8Array(0),
    recursive: true,
    onEntry: (path, entry) => entries.push([textOfBytes(path), structuredClone(entry)]),
  })
  const content: Record<string, string> = {}
  for (const [path, entry] of entries) content[path] = await describe(repository, entry, path)
  return content
}

async function describe(repository: Repository, entry: Entry, path: string): Promise<string> {
  if (entry.kind === 'symlink') return `symlink ${entry.target === undefined ? 'unread' : textOfBytes(entry.target)}`
  if (entry.kind !== 'file') return entry.kind
  if (entry.content === undefined) return 'file unread'
  const hash = createHash('sha256')
  for await (const part of contentOf(repository, entry, path)) hash.update(part)
  return fileText(hash.digest('hex'))
}

/** How a file with this content stands in a SnapshotContent. */
export function fileWith(content: string | Uint8Array): string {
  return fileText(createHash('sha256').update(content).digest('hex'))
}

function fileText(sha256: string): string {
  return `file ${sha256}`
}
