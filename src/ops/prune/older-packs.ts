// How much of a domain is sealed so that somebody can read it who has its older keys alone, and what a prune does about it.
import { isCondemned, usesOf } from './choose.ts'
import type { Choice, IsLive, PackUse } from './choose.ts'
import type { IndexView } from './index-view.ts'
import type { Reencryption } from './options.ts'
import type { Root } from './roots.ts'

interface Amount {
  readonly packs: number
  /** Bytes of blocks that are needed. */
  readonly bytes: number
}

const NOTHING: Amount = { packs: 0, bytes: 0 }

export class OlderPacks {
  #found = NOTHING
  #done = NOTHING
  #left = NOTHING
  #snapshots = 0

  /** Those that say of themselves under older keys what they are of. */
  async countSnapshots(roots: readonly Root[], view: IndexView): Promise<void> {
    this.#snapshots = await view.snapshotsUnderOlderKeys(roots)
  }

  /** What is going to be done. */
  foresee({ repack, adopt, keep }: Choice): void {
    this.#found = amountOf([...repack, ...adopt, ...keep])
    this.#done = amountOf(repack)
    this.#left = amountOf([...adopt, ...keep])
  }

  /** What was done instead. */
  begin(): void {
    this.#done = NOTHING
  }

  noteDone(uses: readonly PackUse[]): void {
    const { packs, bytes } = amountOf(uses)
    this.#done = { packs: this.#done.packs + packs, bytes: this.#done.bytes + bytes }
  }

  /** What is there in the end, less what waits to be deleted. */
  finish(view: IndexView, isLive: IsLive): void {
    const staying = [...view.present()].filter((pack) => !isCondemned(pack))
    this.#left = amountOf(staying.map((pack) => usesOf(view.packs, pack, isLive)))
  }

  get report(): Reencryption {
    return {
      packs: this.#found.packs,
      bytes: this.#found.bytes,
      packsDone: this.#done.packs,
      bytesDone: this.#done.bytes,
      packsLeft: this.#left.packs,
      bytesLeft: this.#left.bytes,
      snapshots: this.#snapshots,
    }
  }
}

function amountOf(uses: readonly PackUse[]): Amount {
  const older = uses.filter(({ pack, live }) => pack.isUnderOlderKeys && live > 0)
  return { packs: older.length, bytes: older.reduce((sum, { live }) => sum + live, 0) }
}
