// A session as others see it: it is declared before anything else, has its keys in the store before its first pack, shows that
// it goes on, and says when it is over (docs/format.md, 8 and 10). Whoever prunes spares what it puts and waits for it, or fences
// it when it has been silent for long.
import type { Clock } from '../base/clock.ts'
import { BackupError, doing, wrap } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import { heartbeatName, sessionEndName, sessionKeysName, sessionName, writerName } from '../format/names.ts'
import { encodeSessionIntent, encodeSessionMark } from '../format/session.ts'
import { encodeSessionKeys, wrapSessionSecret } from '../format/session-keys.ts'
import type { ParityMaker } from './objects/parity-maker.ts'
import { putOwn } from './objects/put-own.ts'
import type { Repository } from './repository.ts'
import { settle } from './objects/settle.ts'
import type { WriterIdentity } from './writers/writer-identity.ts'

/** The two secrets of a run, 32 bytes each: everything it stores is sealed under them. */
export interface SessionSecrets {
  readonly sid: Uint8Array
  readonly data: Uint8Array
  readonly meta: Uint8Array
}

export function newSessionSecrets(random: SecureRandom): SessionSecrets {
  return { sid: random(16), data: random(32), meta: random(32) }
}

export interface DeclarationOptions {
  readonly secrets: SessionSecrets
  readonly writer: WriterIdentity
  readonly clock: Clock
  readonly host: string
  readonly tool: string
  readonly parity: ParityMaker
}

const HEARTBEAT_INTERVAL_MS = 3_600_000

export class DeclaredSession {
  readonly #repo: Repository
  readonly #opts: DeclarationOptions
  /** Resolves when its keys are acknowledged, which comes before its first pack (W2). */
  readonly published: Promise<void>
  #beatAt: number
  #beats = 0
  #isOver = false

  private constructor(repo: Repository, opts: DeclarationOptions, published: Promise<void>) {
    this.#repo = repo
    this.#opts = opts
    this.published = published
    this.#beatAt = opts.clock.monotonic()
  }

  /** Declares it, acknowledged (W1), and begins to publish its keys, for those who may read what is stored from now on. */
  static async declare(repo: Repository, opts: DeclarationOptions): Promise<DeclaredSession> {
    const { secrets, writer, clock, host, tool, parity } = opts
    const { suite } = repo
    const intent = encodeSessionIntent(
      { sid: secrets.sid, started: timespecFromMs(clock.now()), host, toolVersion: tool },
      { sealer: repo.indexSealer, signer: writer.signer },
    )
    const scope = { sid: secrets.sid, repoId: repo.id, suite }
    const keys = encodeSessionKeys(
      {
        sid: secrets.sid,
        domainId: repo.domain.id,
        secrets: [
          wrapSessionSecret('data', secrets.data, repo.domainKeys.dataPublic, scope),
          wrapSessionSecret('meta', secrets.meta, repo.domainKeys.metaPublic, scope),
        ],
      },
      { suite, signer: writer.signer },
    )
    const [name, keysName] = [sessionName(secrets.sid), sessionKeysName(secrets.sid)]
    await doing('declaring the session', name, () => putOwn(repo.store, name, intent))
    // From here on everybody who sees the store knows the name of what comes next.
    const published = doing('publishing the session’s keys', keysName, async () => {
      await putOwn(repo.store, keysName, keys)
    })
    published.catch(() => {})
    parity.ofBytes(keysName, keys)
    parity.ofMissing(writerName(writer.wid))
    // Whoever puts a plan that is not read after this finds the intent.
    await settle(repo.store, clock)
    return new DeclaredSession(repo, opts, published)
  }

  /**
   * Shows once an hour that the run goes on; to be called often, whether anything is stored or not. Who shows no sign of
   * life for a day is taken for dead. `alongside` is done with it.
   */
  async beat(alongside: () => Promise<unknown> = async () => {}): Promise<void> {
    const { writer, secrets, clock } = this.#opts
    const before = this.#beatAt
    if (this.#isOver || clock.monotonic() - before < HEARTBEAT_INTERVAL_MS) return
    this.#beatAt = clock.monotonic()
    const number = this.#beats++
    const name = heartbeatName(secrets.sid, number)
    const mark = encodeSessionMark({ sid: secrets.sid, number }, { suite: this.#repo.suite, signer: writer.signer })
    await doing('showing a sign of life', name, async () => {
      await putOwn(this.#repo.store, name, mark)
      await alongside()
    }).catch((error: unknown) => {
      this.#beatAt = before // so that it is tried again soon
      throw error
    })
  }

  /** Whether nobody has fenced it. */
  async isThere(): Promise<boolean> {
    return (await this.#repo.store.stat(sessionName(this.#opts.secrets.sid))) !== null
  }

  /**
   * Says that the run is over (W7). Gives what kept it from saying so: nothing depends on it, for who cleans up takes a session
   * that has been silent for a day for dead.
   */
  async end(): Promise<BackupError | undefined> {
    this.#isOver = true
    const { writer, secrets } = this.#opts
    const name = sessionEndName(secrets.sid)
    const mark = encodeSessionMark(
      { sid: secrets.sid, number: 'end' },
      { suite: this.#repo.suite, signer: writer.signer },
    )
    try {
      await putOwn(this.#repo.store, name, mark)
      return undefined
    } catch (cause) {
      if (!(cause instanceof BackupError)) throw cause
      return wrap('noting the end of the session', name, cause)
    }
  }
}
