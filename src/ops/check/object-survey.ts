// Goes through all objects of a store in the order of their names, a few at a time, and has each verified. The order is
// that of trust: descriptions, then certificates of writers, then what the writers signed.
import { Gate } from '../../base/gate.ts'
import { BackupError, wrap } from '../../base/errors.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import type { ObjectName } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import type { ObjectInfo, Store } from '../../store/store.ts'
import { isDamage } from './damage.ts'
import type { DamageLog } from './damage.ts'

export interface SurveyedObject extends ObjectInfo {
  readonly parsed: ObjectName
}

export interface Survey {
  readonly store: Store
  readonly damage: DamageLog
  /** Objects that could not be read, so that nothing is known of them. */
  readonly unreadable: Unreadable[]
  readonly checkStopped: () => void
}

export interface Unreadable {
  readonly object: string
  readonly message: string
}

/** Bytes of objects in memory at a time; one object has 64 MiB at most. */
const BYTES_AT_ONCE = 64 * 1024 * 1024

export async function* surveyNames(store: Store, prefix: string): AsyncGenerator<SurveyedObject | ObjectInfo> {
  for await (const info of listAll(store, prefix)) {
    const parsed = parseObjectName(info.name)
    yield parsed === null ? info : { ...info, parsed }
  }
}

/**
 * Reads each object and calls `verify` with its bytes; what that throws is damage of the object. An object that is gone
 * since it was listed was removed by somebody who may.
 */
export async function surveyObjects(
  { store, damage, unreadable, checkStopped }: Survey,
  objects: AsyncIterable<SurveyedObject> | Iterable<SurveyedObject>,
  verify: (object: SurveyedObject, bytes: Uint8Array) => Promise<void> | void,
): Promise<void> {
  const gate = new Gate(BYTES_AT_ONCE)
  const running = new Set<Promise<void>>()
  let failure: { readonly cause: unknown } | undefined
  for await (const object of objects) {
    checkStopped()
    await gate.enter(object.size)
    if (failure !== undefined) break
    const step = surveyOne(object).catch((cause: unknown) => {
      failure ??= { cause }
    })
    running.add(step)
    void step.finally(() => {
      running.delete(step)
      gate.leave(object.size)
    })
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.cause

  async function surveyOne(object: SurveyedObject): Promise<void> {
    let bytes: Uint8Array
    try {
      bytes = await store.get(object.name)
    } catch (cause) {
      const error = wrap('reading an object', object.name, cause)
      if (error.code === 'not-found') return
      if (isDamage(error)) damage.addError(error, object.name)
      else if (error.code === 'io' || error.code === 'refused') {
        unreadable.push({ object: object.name, message: error.message })
      } else throw error
      return
    }
    try {
      if (bytes.length !== object.size) {
        const what = `has ${bytes.length} bytes where the store lists ${object.size}`
        throw new BackupError('corrupt', what, object.name)
      }
      await verify(object, bytes)
    } catch (cause) {
      if (!(cause instanceof BackupError) || !isDamage(cause)) throw cause
      damage.addError(cause, object.name)
    }
  }
}

/** Prefixes of everything that is small, in the order in which one vouches for the other. */
export const SMALL_OBJECTS = [
  PREFIXES.format,
  PREFIXES.writers,
  PREFIXES.keys,
  PREFIXES.sessionKeys,
  PREFIXES.sessions,
  PREFIXES.plans,
  PREFIXES.log,
  PREFIXES.trash,
] as const
