// What a backup is compared with on a machine that cannot read what it has stored.
import { concatBytes, toHex, utf8 } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import { TreeCache } from '../../repo/trees/tree-cache.ts'
import type { WriterIdentity } from '../../repo/writers/writer-identity.ts'
import type { BackupOptions } from './backup.ts'

/** For a credential that cannot read trees; undefined for all others. Throws `wrong-key` when a parent is asked for. */
export async function keptTree(opts: BackupOptions, writer: WriterIdentity): Promise<TreeCache | undefined> {
  const { repo, state, source, host, parent } = opts
  if (repo.domain.metaPrivate !== undefined) return undefined
  if (typeof parent === 'string') {
    throw new BackupError('wrong-key', 'this credential may not read snapshots to compare with', parent, {
      hint: 'leave out --parent: this machine compares with what it has kept of its last backup',
    })
  }
  const about = hash(concatBytes([repo.domain.id, utf8(host), ...source.paths.flatMap((path) => [NUL, path])]))
  const prefix = `${toHex(repo.id)}.${toHex(writer.wid)}.${toHex(about.subarray(0, 8))}`
  return TreeCache.open({ state, prefix, sealer: repo.keySealerOf(repo.bundle.localKey) })
}

const NUL = new Uint8Array(1)
