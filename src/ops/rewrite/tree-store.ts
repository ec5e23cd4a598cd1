// Stores tree nodes that are made in this thread, a few at a time, as part of a session.
import type { Repository } from '../../repo/repository.ts'
import { bundleTargetFor } from '../../repo/packs/bundle-target.ts'
import { MetaSink } from '../../repo/packs/meta-sink.ts'
import type { MetaBundle } from '../../repo/packs/meta-sink.ts'
import { TreeBuilder } from '../../repo/trees/tree-builder.ts'
import type { WriteSession } from '../../repo/write-session.ts'
import { MetaBlocks } from '../backup/meta-blocks.ts'

const METHOD = { name: 'zstd', level: 3 } as const

export class TreeStore {
  readonly builder: TreeBuilder
  readonly #session: WriteSession
  readonly #sink: MetaSink
  readonly #blocks: MetaBlocks
  #full: MetaBundle[] = []

  constructor(repo: Repository, session: WriteSession, metaSecret: Uint8Array) {
    this.#session = session
    const { packSize } = repo.description
    this.#sink = new MetaSink({
      keys: repo.blobKeys,
      index: session.index.blobs,
      bundleTarget: bundleTargetFor('meta', packSize),
      submit: (bundle) => this.#full.push(bundle),
    })
    this.builder = new TreeBuilder(repo.blobKeys, this.#sink)
    this.#blocks = new MetaBlocks({ metaSecret, repoId: repo.id, suite: repo.suite, keyId: repo.domain.keyId })
  }

  get counts(): { readonly newBlobs: number; readonly newBytes: number } {
    return { newBlobs: this.#sink.newBlobs, newBytes: this.#sink.newBytes }
  }

  /** Seals and stores what was gathered, as far as it fills bundles and packs. */
  async store(): Promise<void> {
    for (const bundle of this.#full.splice(0)) {
      for (const pack of this.#session.meta.add(this.#blocks.seal(bundle, METHOD))) await this.#session.putPack(pack)
      await this.#session.beat()
    }
  }

  /** All of it: afterwards a snapshot may refer to what was built. */
  async flush(): Promise<void> {
    this.#sink.flush()
    await this.store()
    for (const pack of this.#session.meta.finish()) await this.#session.putPack(pack)
  }
}
