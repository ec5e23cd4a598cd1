// What somebody opens who has kept his keys, and has all bytes of a store.
import assert from 'node:assert/strict'
import { toHex } from '../../src/base/bytes.ts'
import { codeOf } from '../../src/base/errors.ts'
import { Repository } from '../../src/repo/repository.ts'
import type { Store } from '../../src/store/store.ts'

/** Names of packs of which he opens a block, in all domains that he had. */
export async function packsOpenTo(
  { bundle, description, descriptionNumber }: Pick<Repository, 'bundle' | 'description' | 'descriptionNumber'>,
  store: Store,
): Promise<string[]> {
  const open = new Set<string>()
  for (const { id } of bundle.domains) {
    const repo = new Repository({ store, bundle, description, descriptionNumber }).inDomain(toHex(id))
    await repo.loadIndex()
    for (const { objectName, kind, sessions } of repo.index.packs) {
      for (const sid of sessions) {
        await repo.sessionKeys.secret(sid, kind).then(
          () => open.add(objectName),
          (error: unknown) => assert.equal(codeOf(error), 'wrong-key'),
        )
      }
    }
  }
  return [...open]
}
