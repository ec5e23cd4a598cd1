// Which key slots a credential opens, each tried for itself.
import { BackupError, doing } from '../../base/errors.ts'
import { mayOpen, SlotKeys } from '../../credentials/credential.ts'
import type { Credential } from '../../credentials/credential.ts'
import type { Bundle } from '../../format/bundle.ts'
import { knownKind } from '../../format/slot-kinds.ts'
import type { SlotKind } from '../../format/slot-kinds.ts'
import { readSlots } from './key-slots.ts'
import { openSlotOfAny } from './keyring.ts'
import type { LockedRepository } from './keyring.ts'

export interface SlotTest {
  readonly name: string
  /** Undefined where the slot cannot be read. */
  readonly kind: SlotKind | undefined
  /** `not-tried`: of a kind or for a key that the credential is not. */
  readonly result: 'opens' | 'does-not-open' | 'not-tried' | 'unusable'
  /** What is the matter with an unusable one. */
  readonly problem?: BackupError
  /** What is in one that opens. */
  readonly bundle?: Bundle
}

/** In ascending order of name. Throws only when the store does not answer. */
export async function testSlots({ store, repoIds }: LockedRepository, credential: Credential): Promise<SlotTest[]> {
  const { slots, problems } = await doing('reading the key slots', store.location, () => readSlots(store))
  const keys = new SlotKeys(credential)
  const tests: SlotTest[] = problems.map((problem) => unusable(problem.subject, undefined, problem))
  for (const { name, slot } of slots) {
    const kind = knownKind(slot.method, name)
    if (!mayOpen(credential, slot.method)) {
      tests.push({ name, kind, result: 'not-tried' })
      continue
    }
    try {
      const key = await keys.of(slot.method, name)
      const bundle = key === null ? undefined : openSlotOfAny(slot, key, repoIds, name)
      tests.push(
        bundle === undefined ? { name, kind, result: 'does-not-open' } : { name, kind, result: 'opens', bundle },
      )
    } catch (error) {
      if (!(error instanceof BackupError)) throw error
      tests.push(unusable(name, kind, error))
    }
  }
  return tests.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function unusable(name: string, kind: SlotKind | undefined, problem: BackupError): SlotTest {
  return { name, kind, result: 'unusable', problem }
}
