// Stores blocks anew under the newest keys of the domain: those that were sealed when somebody could read who has the older
// keys alone. Blocks stay as they are packed. Each is opened, sealed under a session of this run, opened again, and every blob in
// it compared with its locator, so that neither damage nor what somebody has put in the place of a blob gets another seal.
//
// The session is one as that of a backup, but for the snapshot that it does not make. As long as its intent is there after a pack
// is acknowledged, nobody deletes its keys for want of packs (docs/format.md, 10, M7).
import { equalBytes } from '../../base/bytes.ts'
import { BackupError, reasonsOf } from '../../base/errors.ts'
import { Sealer } from '../../crypto/seal.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { PackKind } from '../../format/names.ts'
import { sessionName } from '../../format/names.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { BlobType } from '../../repo/index/blob-keys.ts'
import { decodeBlockBriefly, resealBlock } from '../../repo/packs/block-codec.ts'
import { DeclaredSession, newSessionSecrets } from '../../repo/declared-session.ts'
import type { SessionSecrets } from '../../repo/declared-session.ts'
import type { PackableBlock } from '../../repo/packs/pack-assembler.ts'
import { parityMakerOf } from '../../repo/objects/parity-maker.ts'
import type { ParityMaker } from '../../repo/objects/parity-maker.ts'
import type { Repository } from '../../repo/repository.ts'
import { RoleLacks } from '../../repo/roles.ts'
import type { UnindexedPack } from '../../repo/packs/unindexed-packs.ts'
import type { PruneContext } from './context.ts'
import { isDamage } from './mark.ts'

/** Throws `wrong-key` where a credential cannot read content or lacks the newest keys, `usage` where nothing is encrypted. */
export function checkMayReencrypt({ domain, domainKeys, bundle, suite, store }: Repository): void {
  if (suite === 0) {
    throw new BackupError('usage', 'this repository has its content in the clear, whatever the keys', store.location)
  }
  if (domain.dataPrivate === undefined || domain.metaPrivate === undefined) {
    throw new RoleLacks(bundle.role, { need: 'admin', what: 'encrypting old data anew', location: store.location })
  }
  if (domainKeys.lackedSince === undefined) return
  throw new BackupError('wrong-key', 'this key was not given the newest keys of the domain', domain.name, {
    hint: 'open the repository with the key of an administrator who has them',
  })
}

interface OpenSession {
  readonly secrets: SessionSecrets
  readonly declared: DeclaredSession
  readonly parity: ParityMaker
  readonly sealers: Readonly<Record<PackKind, Sealer>>
}

const TYPES: Readonly<Record<PackKind, readonly BlobType[]>> = { data: ['data'], meta: ['tree', 'list'] }

export class SealingAnew {
  readonly #ctx: PruneContext
  readonly #about: { readonly host: string; readonly tool: string }
  #session: OpenSession | undefined

  constructor(ctx: PruneContext, about: { readonly host: string; readonly tool: string }) {
    this.#ctx = ctx
    this.#about = about
  }

  /** Some blocks of a pack, sealed anew; undefined when one of them cannot be opened or is not what its locators say. */
  async blocks(
    { objectName, kind, sessions }: UnindexedPack,
    bytes: Uint8Array,
    chosen: UnindexedPack['blocks'],
  ): Promise<PackableBlock[] | undefined> {
    const { repo } = this.#ctx
    const session = (this.#session ??= await this.#declare())
    const type = kind === 'data' ? SEALED_TYPES.dataBlock : SEALED_TYPES.metaBlock
    const to = session.sealers[kind]
    const { sid } = session.secrets
    const anew: PackableBlock[] = []
    try {
      for (const { offset, storedLength, plainLength, codec, session: ordinal, locs, lengths } of chosen) {
        const from = await repo.sessionKeys.sealer(sessions[ordinal]!, kind)
        const old = bytes.subarray(offset, offset + storedLength)
        const block = { type, sealed: old, codec, plainLength, subject: objectName }
        const sealed = resealBlock([from, to], block)
        const plain = decodeBlockBriefly(to, { ...block, sealed })
        if (!isWhatItsLocatorsSay(repo, kind, plain, locs, lengths)) return undefined
        anew.push({ sealed, plainLength, codec, locs: locs.slice(), lengths: lengths.slice(), sid })
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      return undefined
    }
    await session.declared.beat()
    return anew
  }

  /**
   * To be called between the acknowledgement of packs and the first segment that names them. Throws `fenced` when somebody has
   * taken this run for dead: he may be about to delete the keys of its session.
   */
  async checkNotFenced(): Promise<void> {
    if (this.#session === undefined || (await this.#session.declared.isThere())) return
    throw new BackupError('fenced', 'another machine took this run for dead', sessionName(this.#session.secrets.sid), {
      hint: 'nothing is half done: run it again',
    })
  }

  /** Says that nothing comes from the session any more. */
  async end(): Promise<void> {
    if (this.#session === undefined) return
    const { declared, parity } = this.#session
    this.#session = undefined
    await parity.finish() // what could not be made a repair makes
    const problem = await declared.end()
    if (problem === undefined) return
    const message = `what this run has condemned is deleted a day later: ${reasonsOf(problem)}`
    this.#ctx.onEvent({ type: 'warning', code: problem.code, message })
  }

  async #declare(): Promise<OpenSession> {
    const { repo, writer, clock, random } = this.#ctx
    const secrets = newSessionSecrets(random)
    const parity = parityMakerOf(repo)
    const declared = await DeclaredSession.declare(repo, { ...this.#about, secrets, writer, clock, parity })
    await declared.published
    repo.sessionKeys.learn(secrets.sid, 'data', secrets.data)
    repo.sessionKeys.learn(secrets.sid, 'meta', secrets.meta)
    const sealers = { data: repo.sealerOf(secrets.data), meta: repo.sealerOf(secrets.meta) }
    return { secrets, declared, parity, sealers }
  }
}

function isWhatItsLocatorsSay(
  { blobKeys }: Repository,
  kind: PackKind,
  plain: Uint8Array,
  locs: Uint8Array,
  lengths: Uint32Array,
): boolean {
  let at = 0
  return lengths.every((length, i) => {
    const blob = plain.subarray(at, at + length)
    at += length
    const loc = locs.subarray(i * LOCATOR_SIZE, (i + 1) * LOCATOR_SIZE)
    return TYPES[kind].some((type) => equalBytes(blobKeys.locOf(blobKeys.refOf(type, blob)), loc))
  })
}
