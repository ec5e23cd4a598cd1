// Which packs a writer has put itself, remembered on its machine with what stands for their tables: a pruner that replaces
// segments names packs of many writers in its own, and then no signature tells any more whose they are. Losing it costs
// storing again what is in such packs, unless they are attested. Sealed; 65 bytes for each pack.
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { parseObjectName, packName } from '../../format/names.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { LocalState } from '../local-state.ts'
import type { LocalScope } from '../local-state.ts'

const RECORD_SIZE = 65
/** Packs that are remembered, the latest: 16 TiB of full ones are 32 MB. */
const PACKS_MAX = 500_000
const CONTEXT = utf8('own packs')

/** Of the domain whose packs are remembered. */
type OwnPacksScope = LocalScope & { readonly domain: { readonly id: Uint8Array } }

export class OwnPacks {
  readonly #repo: OwnPacksScope
  readonly #state: LocalState
  readonly #name: string
  /** Digests of their tables, hex, by the names of the packs. */
  readonly #tables: Map<string, string>
  #changed = false

  private constructor(repo: OwnPacksScope, state: LocalState, name: string, tables: Map<string, string>) {
    this.#repo = repo
    this.#state = state
    this.#name = name
    this.#tables = tables
  }

  /** What is remembered of this writer's packs in the domain; nothing where that cannot be read. */
  static async load(repo: OwnPacksScope, state: LocalState, wid: Uint8Array): Promise<OwnPacks> {
    const name = `${toHex(repo.id)}.${toHex(wid)}.packs-${toHex(repo.domain.id)}`
    const kept = await state.read(name)
    return new OwnPacks(repo, state, name, kept === null ? new Map() : open(repo, kept, name))
  }

  /** Whether this writer has put the pack, and with this table. */
  has(name: string, tables: string): boolean {
    return this.#tables.get(name) === tables
  }

  note(name: string, tables: string): void {
    if (this.has(name, tables)) return
    this.#tables.set(name, tables)
    this.#changed = true
  }

  /** Keeps those that are there still. */
  async save(isThere: (name: string) => boolean): Promise<void> {
    if (!this.#changed) return
    const there = [...this.#tables].filter(([name]) => isThere(name)).slice(-PACKS_MAX)
    const bytes = new Uint8Array(there.length * RECORD_SIZE)
    for (const [i, [name, tables]] of there.entries()) {
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'pack') continue
      bytes[i * RECORD_SIZE] = parsed.packKind === 'data' ? 1 : 2
      bytes.set(fromHex(parsed.hash)!, i * RECORD_SIZE + 1)
      bytes.set(fromHex(tables)!, i * RECORD_SIZE + 33)
    }
    const sealer = this.#repo.keySealerOf(this.#repo.bundle.localKey)
    await this.#state.write(this.#name, sealer.seal(SEALED_TYPES.localState, CONTEXT, bytes))
    this.#changed = false
  }
}

function open(repo: OwnPacksScope, kept: Uint8Array, name: string): Map<string, string> {
  let bytes: Uint8Array
  try {
    bytes = repo.keySealerOf(repo.bundle.localKey).open(SEALED_TYPES.localState, CONTEXT, kept, name)
  } catch (error) {
    if (error instanceof BackupError && error.code === 'corrupt') return new Map()
    throw error
  }
  const tables = new Map<string, string>()
  for (let at = 0; at + RECORD_SIZE <= bytes.length; at += RECORD_SIZE) {
    const kind = bytes[at] === 1 ? 'data' : 'meta'
    tables.set(packName(kind, bytes.slice(at + 1, at + 33)), toHex(bytes.subarray(at + 33, at + RECORD_SIZE)))
  }
  return tables
}
