// Content that is not what its locators say.
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { SEALED_TYPES } from '../../src/format/object-header.ts'
import { encodeBlock } from '../../src/repo/packs/block-codec.ts'
import { newSessionSecrets } from '../../src/repo/declared-session.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { WriteSession } from '../../src/repo/write-session.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { listAll } from '../../src/store/store.ts'
import type { PruningScene } from './pruning.ts'

/** A machine that may only make backups puts bytes of its own under the locators of all content that there is. */
export async function putLies({ scratch }: PruningScene): Promise<void> {
  const repo = await scratch.openWith(await scratch.addRole('write'))
  const writer = await writerIdentity(repo, {
    state: memoryState(),
    clock: systemClock,
    random: secureRandom,
    host: 'eve',
  })
  const secrets = newSessionSecrets(secureRandom)
  const session = await WriteSession.begin(repo, {
    secrets,
    writer,
    clock: systemClock,
    random: secureRandom,
    host: 'eve',
    tool: 'test',
  })
  for await (const { name } of listAll(repo.store, 'index/')) {
    for (const { kind, blocks } of (await repo.readSegment(name)).packs) {
      if (kind !== 'data') continue
      for (const { plainLength, locs, lengths } of blocks) {
        const lie = secureRandom(plainLength)
        const sealed = encodeBlock(repo.sealerOf(secrets.data), SEALED_TYPES.dataBlock, lie, { name: 'none' })
        const full = session.data.add({ ...sealed, plainLength, locs: locs.slice(), lengths: lengths.slice() })
        for (const pack of full) await session.putPack(pack)
      }
    }
  }
  for (const pack of session.data.finish()) await session.putPack(pack)
  await session.finishIndex()
  await session.end()
}
