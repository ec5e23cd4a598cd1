// A repository whose index is large, without the data: packs are empty files of the right length, so that everything is as it
// would be until somebody reads one.
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { DEFAULT_PARAMS } from '../../src/chunker/params.ts'
import { hash, initHashing } from '../../src/crypto/hash.ts'
import { formatKeyFile } from '../../src/crypto/keyfile.ts'
import { encodeIndexSegment } from '../../src/format/index-segment.ts'
import { indexName, packName, sessionKeysName } from '../../src/format/names.ts'
import { encodeSessionKeys, wrapSessionSecret } from '../../src/format/session-keys.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { writerIdentity } from '../../src/repo/writer-identity.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { madeSegment, segmentsFor } from './made-segments.ts'

/** Makes it in `folder`, with a key file that opens it. */
export async function makeRepository(folder: string, keyFile: string, blobs: number): Promise<void> {
  await initHashing()
  const secret = secureRandom(32)
  mkdirSync(folder, { recursive: true })
  writeFileSync(keyFile, formatKeyFile(secret), { mode: 0o600 })
  const store = await openFsStore(folder, { create: true })
  const credential = { kind: 'key-file', secret } as const
  const random = secureRandom
  await createRepository(store, { credential, clock: systemClock, random, chunker: DEFAULT_PARAMS })
  if (blobs === 0) return
  const repo = await openRepository(store, credential)
  const { signer } = await writerIdentity(repo, { state: memoryState(), clock: systemClock, random, host: 'made' })
  const sid = random(16)
  const { suite } = repo.description
  const scope = { sid, repoId: repo.id, suite }
  const secrets = [
    wrapSessionSecret('data', random(32), repo.domain.dataPublic, scope),
    wrapSessionSecret('meta', random(32), repo.domain.metaPublic, scope),
  ]
  const keys = encodeSessionKeys({ sid, domainId: repo.domain.id, secrets }, { suite, signer })
  await store.put(sessionKeysName(sid), [keys])
  for (let i = 0; i < segmentsFor(blobs); i++) {
    const segment = madeSegment(i, sid)
    const bytes = encodeIndexSegment(segment, { sealer: repo.indexSealer, signer })
    await store.put(indexName(hash(bytes)), [bytes])
    for (const pack of segment.packs) makeEmpty(join(folder, packName(pack.kind, pack.hash)), pack.size)
  }
  await store.close()
}

function makeEmpty(path: string, size: number): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
  truncateSync(path, size)
}
