// Goes through the objects of a store, compares each with what it must be, and puts the right bytes in the place of what is
// damaged. Needs no key. What is not there is another matter: whether it should be only somebody with a key can tell.
import { fromHex } from '../../base/bytes.ts'
import { BackupError, codeOf, reasonsOf } from '../../base/errors.ts'
import { hashInName, parseObjectName, PREFIXES, sessionEndName } from '../../format/names.ts'
import type { ObjectName } from '../../format/names.ts'
import type { ParityShares } from '../../format/repo-description.ts'
import type { Suite } from '../../crypto/seal.ts'
import { checkParityObject, encodeParityObject, isParityOf } from '../../format/parity-object.ts'
import { hash } from '../../crypto/hash.ts'
import { ParityEncoder } from '../../parity/code.ts'
import { shapeFor } from '../../parity/shape.ts'
import { parityShareOf } from '../../repo/objects/parity-maker.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import type { EventSink } from '../events.ts'
import { Healer, parityNameFor } from './healer.ts'
import type { Found } from './healer.ts'
import type { RepairStep } from './options.ts'

export interface HealContext {
  readonly store: Store
  readonly mirror?: Store | undefined
  /** Throws `corrupt` or `unsupported` unless the bytes are those of the object; in the order of `HEAL_ORDER`. */
  readonly verify: (name: string, parsed: ObjectName, bytes: Uint8Array) => void
  /** Throws `corrupt` where something that is there says that bytes which are sound in themselves are not those of the object. */
  readonly vouch?: HealContext['verify']
  readonly steps: RepairStep[]
  /** Why objects could not be healed. */
  readonly reasons: Map<string, readonly string[]>
  readonly onEvent: EventSink
  /** Intents that could not be healed, of sessions that have ended. */
  readonly passing?: Set<string>
  readonly checkStopped: () => void
}

/** One vouches for the next. */
export const HEAL_ORDER = [
  PREFIXES.format,
  PREFIXES.writers,
  PREFIXES.keys,
  PREFIXES.sessions,
  PREFIXES.plans,
  PREFIXES.log,
  PREFIXES.index,
  PREFIXES.snapshots,
  PREFIXES.trash,
  // After what tells whose a session is.
  PREFIXES.sessionKeys,
] as const

/** An object as the store has it, once it was found to be right; `parity` says whether it has some. */
export type OnSound = (name: string, bytes: Uint8Array) => Promise<void>

export class ObjectHealing {
  readonly #ctx: HealContext
  readonly #healer: Healer
  #done = 0

  constructor(ctx: HealContext) {
    this.#ctx = ctx
    const { store, mirror, verify, vouch } = ctx
    this.#healer = new Healer({
      store,
      mirror,
      verify: (name, parsed, bytes) => {
        verify(name, parsed, bytes)
        vouch?.(name, parsed, bytes)
      },
    })
  }

  /** Heals what is damaged under a prefix; `onSound` gets everything that is right then. */
  async under(prefix: string, onSound: OnSound): Promise<void> {
    const { store, checkStopped, onEvent } = this.#ctx
    for await (const { name } of listAll(store, prefix)) {
      checkStopped()
      const parsed = parseObjectName(name)
      if (parsed === null) continue
      onEvent({
        type: 'progress',
        phase: 'comparing objects',
        filesDone: ++this.#done,
        bytesDone: 0,
        current: Buffer.from(name),
        unit: 'objects',
      })
      const bytes = await this.object(name, parsed)
      if (bytes !== undefined) await onSound(name, bytes)
    }
  }

  /** The right bytes of an object that is listed, which are there then; undefined when there are none, or it is gone. */
  async object(name: string, parsed: ObjectName): Promise<Uint8Array | undefined> {
    const { store, verify, steps, reasons } = this.#ctx
    try {
      const bytes = await store.get(name)
      verify(name, parsed, bytes)
      return bytes
    } catch (cause) {
      const code = codeOf(cause)
      if (code === 'not-found' || !(cause instanceof BackupError)) {
        if (code !== 'not-found') throw cause
        // Gone since it was listed, by somebody who may; or what it is signed by is missing, which is told there.
        return undefined
      }
      if (!IS_DAMAGE.has(code)) throw cause
      const healed = await this.#healer.find(name, parsed)
      const isUnderWay = parsed.kind === 'session' && !(await this.#hasEnded(parsed.sid))
      if (healed.bytes === undefined) {
        reasons.set(name, [reasonsOf(cause), ...healed.reasons])
        if (parsed.kind === 'session' && !isUnderWay) this.#ctx.passing?.add(name)
        return undefined
      }
      if (isUnderWay) {
        reasons.set(name, [reasonsOf(cause), 'its session may be under way'])
        return undefined
      }
      if (!(await this.#replace(name, healed.bytes))) return undefined
      steps.push({ kind: 'healed', object: name, from: healed.from })
      return healed.bytes
    }
  }

  /** Brings back an object that is missing; the caller knows that it must be there. */
  async bringBack(name: string, parsed: ObjectName): Promise<boolean> {
    const { store, steps } = this.#ctx
    const healed = await this.find(name, parsed)
    if (healed === undefined) return false
    await store.put(name, [healed.bytes])
    steps.push({ kind: 'brought-back', object: name, from: healed.from })
    return true
  }

  /** The right bytes of an object that is missing; undefined when there are none. */
  async find(name: string, parsed: ObjectName): Promise<Found | undefined> {
    const healed = await this.#healer.find(name, parsed)
    if (healed.bytes !== undefined) return healed
    this.#ctx.reasons.set(name, ['it is not there', ...healed.reasons])
    return undefined
  }

  /**
   * That an intent is there says that nobody has fenced the session. One that is put again after somebody has would have the
   * backup told as done that lacks what was deleted since; once the end is there nobody asks for that any more.
   */
  async #hasEnded(sid: string): Promise<boolean> {
    return (await this.#ctx.store.stat(sessionEndName(sid))) !== null
  }

  /** False when somebody has taken the object away meanwhile. */
  async #replace(name: string, bytes: Uint8Array): Promise<boolean> {
    const { store } = this.#ctx
    if (store.replace === undefined) {
      throw new BackupError('unsupported', 'this store cannot replace what is damaged', name, {
        hint: 'copy the repository to a folder and repair it there',
      })
    }
    return store.replace(name, [bytes])
  }
}

const IS_DAMAGE: ReadonlySet<BackupError['code']> = new Set(['corrupt', 'unsupported', 'limit', 'io'])

/** Makes parity of an object that is right, unless it has some that is whole and its own; tells so in `steps`. */
export async function ensureParity(
  { store, steps }: Pick<HealContext, 'store' | 'steps'>,
  { shares, suite }: { readonly shares: ParityShares; readonly suite: Suite },
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const share = parityShareOf(name, shares)
  const parsed = parseObjectName(name)
  if (share === undefined || share === 0 || parsed === null || bytes.length === 0) return
  const parity = parityNameFor(name, parsed)
  const named = hashInName(parsed)
  const own = named === null ? hash(bytes) : fromHex(named)!
  const there = await store.stat(parity)
  if (there !== null) {
    try {
      // One that was made of what somebody misread, or of another object, makes nothing good.
      if (isParityOf(checkParityObject(await store.get(parity), parity), own, bytes)) return
    } catch (cause) {
      if (!(cause instanceof BackupError) || !IS_DAMAGE.has(cause.code)) throw cause
    }
  }
  const shape = shapeFor(bytes.length, share)
  const encoder = new ParityEncoder(shape)
  encoder.add(bytes)
  const made = encodeParityObject(own, shape, encoder.finish(), suite)
  if (there === null) await store.put(parity, [made])
  else await store.replace?.(parity, [made])
  steps.push({ kind: 'parity-made', object: parity })
}
