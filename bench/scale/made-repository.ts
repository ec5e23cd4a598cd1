// A repository with any number of blobs, made in minutes: whole in every part — packs, index, trees and snapshots are what
// backups put, and it restores — but its blobs are a few bytes long. What nobody would need after a `forget` is there too.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { DEFAULT_PARAMS } from '../../src/chunker/params.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { formatKeyFile } from '../../src/crypto/keyfile.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { newSessionSecrets } from '../../src/repo/declared-session.ts'
import { WriteSession } from '../../src/repo/write-session.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { WriterIdentity } from '../../src/repo/writers/writer-identity.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { PutResult } from '../../src/store/store.ts'
import { MadeContent, UNIT_BLOBS } from './made-content.ts'

/** Backups that made it; each added its share, and has what those before it have. */
const SESSIONS = 4

export interface MadeRepository {
  /** Data blobs, each counted as often as it is stored, and those that snapshots need. */
  blobs: number
  needed: number
}

/** Makes it in `folder`, with a key file that opens it. `fullPacks` packs are as large as those of real data. */
export async function makeRepository(
  folder: string,
  keyFile: string,
  blobs: number,
  fullPacks = 0,
): Promise<MadeRepository> {
  await initHashing()
  const secret = secureRandom(32)
  mkdirSync(folder, { recursive: true })
  writeFileSync(keyFile, formatKeyFile(secret), { mode: 0o600 })
  const store = await openFsStore(folder, { create: true })
  const credential = { kind: 'key-file', secret } as const
  const clock = systemClock
  await createRepository(store, { credential, clock, random: secureRandom, chunker: DEFAULT_PARAMS })
  const made: MadeRepository = { blobs: 0, needed: 0 }
  const repo = await openRepository(new Unsynced(store, folder), credential)
  const writer = await writerIdentity(repo, { state: memoryState(), clock, random: secureRandom, host: 'made' })
  const units = Math.ceil(blobs / UNIT_BLOBS)
  const folders: Entry[] = []
  for (let i = 0, unit = 0; unit < units; i++) {
    const end = Math.max(unit + 1, Math.ceil((units * (i + 1)) / SESSIONS))
    await addSession(repo, writer, { from: unit, end, folders, fullPacks: unit === 0 ? fullPacks : 0, made })
    unit = end
  }
  await store.close()
  return made
}

interface Share {
  /** Units from the one up to the other. */
  readonly from: number
  readonly end: number
  /** Of the sessions before; that of this one is added. */
  readonly folders: Entry[]
  readonly fullPacks: number
  readonly made: MadeRepository
}

async function addSession(repo: Repository, writer: WriterIdentity, share: Share): Promise<void> {
  const { from, end, folders, fullPacks, made } = share
  const secrets = newSessionSecrets(secureRandom)
  const clock = systemClock
  const session = await WriteSession.begin(repo, {
    secrets,
    writer,
    clock,
    random: secureRandom,
    host: 'made',
    tool: 'made',
  })
  session.index.blobs.reserve((end - from) * UNIT_BLOBS)
  const content = new MadeContent(repo, session, secrets, fullPacks)
  for (let unit = from; unit < end; unit++) await content.addUnit(unit)
  folders.push(await content.finish(`from-${String(from).padStart(4, '0')}`))
  made.blobs += content.blobs
  made.needed += content.needed
  const root = await content.root(folders)
  const at = { sec: Math.floor(clock.now() / 1000), nsec: 0 }
  await session.commit({
    started: at,
    ended: at,
    host: 'made',
    user: 'made',
    sources: [utf8('/made')],
    root: root.ref,
    stats: {
      files: root.entries,
      directories: 0,
      others: 0,
      bytes: root.bytes,
      newFiles: 0,
      changedFiles: 0,
      unchangedFiles: 0,
      newBlobs: content.needed,
      newPlainBytes: 0,
      storedBytes: session.storedBytes,
    },
    troubles: [],
    troubleCount: 0,
    partial: false,
    tags: [],
    heads: [],
    toolVersion: 'made',
    domainId: repo.domain.id,
  })
  await session.end()
}

/** Puts without waiting for the disk: nobody misses what a power cut takes of it. */
class Unsynced extends Passing {
  readonly #folder: string

  constructor(inner: Passing['inner'], folder: string) {
    super(inner)
    this.#folder = folder
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    const path = join(this.#folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, Buffer.concat(parts), { flag: 'wx', mode: 0o400 })
    return { created: true }
  }
}
