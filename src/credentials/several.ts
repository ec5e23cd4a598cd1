// Slots that need several credentials at once (docs/format.md, 3.6): the slot secret is divided among the parts, of which
// each seals its share as a slot of its own would seal a bundle.
import { assert } from '../base/assert.ts'
import { BackupError, codeOf } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { deriveKey } from '../crypto/hash.ts'
import { REPO_ID_SIZE, Sealer } from '../crypto/seal.ts'
import { wipe } from '../crypto/wipe.ts'
import { SEALED_TYPES } from '../format/object-header.ts'
import { kindWords, PARTS_MAX, SHARE_SET_SIZE } from '../format/slot-kinds.ts'
import type { SlotMethod, SlotPart } from '../format/slot-kinds.ts'
import { describeCredential, mayOpen, newSlotKey, slotKeyOf } from './credential.ts'
import type { Credential, NewCredential, PassphraseCost, Recipient, Unlocker } from './credential.ts'
import { combineShares, splitSecret } from './shares.ts'

/** A slot that any `threshold` of these credentials open together. Throws `usage` for numbers that make no sense. */
export function forSeveral(parts: readonly NewCredential[], threshold: number, cost?: PassphraseCost): Recipient {
  checkSeveral(parts.length, threshold)
  const words = parts.map((part) => ('wrap' in part && part.detail !== '' ? part.detail : kindWords(part.kind)))
  return {
    kind: 'several',
    detail: [threshold === parts.length ? 'all of these together' : `any ${threshold} of these`, ...words].join('\n'),
    async wrap(secret, random): Promise<SlotMethod> {
      const set = random(SHARE_SET_SIZE) // told to nobody: these shares are never on their own
      const shares = await splitSecret(secret, { threshold, count: parts.length }, set)
      const sealed: SlotPart[] = []
      for (const [i, part] of parts.entries()) {
        sealed.push(await sealPart(part, shares[i]!.value, random, cost))
        wipe(shares[i]!.value)
      }
      return { kind: 'several', threshold, parts: sealed }
    },
  }
}

/** Opens slots that need several of these credentials. */
export function severalUnlocker(members: readonly Credential[]): Unlocker {
  return {
    kind: 'several',
    members,
    description: members.map(describeCredential).join(' together with '),
    mayOpen: (method) => method.kind === 'several' && candidates(members, method.parts).length >= method.threshold,
    async unwrap(method, slotName) {
      if (method.kind !== 'several') return null
      const { threshold, parts } = method
      const opened: { value: Uint8Array }[] = []
      let problem: unknown
      for (const part of parts) {
        if (opened.length === threshold) break
        for (const member of members.filter((one) => mayOpen(one, part.method))) {
          try {
            const value = await openPart(member, part, slotName)
            if (value === null) continue
            opened.push({ value })
            break
          } catch (error) {
            // Another credential may do in its place.
            if (!(error instanceof BackupError)) throw error
            problem ??= error
          }
        }
      }
      if (opened.length < threshold) {
        if (problem !== undefined) throw problem
        return null
      }
      // Who made the slot can have given two parts the same place.
      const places = new Set(opened.map(({ value }) => value.at(-1)))
      if (places.size < threshold) throw new BackupError('corrupt', 'two parts of the key slot are the same', slotName)
      const secret = await combineShares(opened)
      for (const { value } of opened) wipe(value)
      return secret
    },
  }
}

/** Throws `usage` for numbers that make no sense. */
export function checkSeveral(count: number, threshold: number): void {
  const wrong = (what: string, hint: string) =>
    new BackupError('usage', what, `${threshold} of ${count} keys`, { hint })
  if (count < 2) throw wrong('several keys are two at least', 'name more than one new key')
  if (count > PARTS_MAX) throw wrong(`there can be ${PARTS_MAX} at most`, 'use shares for more people')
  if (threshold < 2) throw wrong('one key alone needs no others', 'add each of them by itself')
  if (threshold > count) throw wrong('more are needed than there are', 'name more keys, or require fewer')
}

function candidates(members: readonly Credential[], parts: readonly SlotPart[]): readonly SlotPart[] {
  return parts.filter(({ method }) => members.some((member) => mayOpen(member, method)))
}

async function sealPart(
  part: NewCredential,
  share: Uint8Array,
  random: SecureRandom,
  cost: PassphraseCost | undefined,
): Promise<SlotPart> {
  assert(part.kind !== 'several', 'several keys are not made of several keys')
  const { method, slotKey } = await newSlotKey(part, random, cost)
  const sealedShare = sealerOf(slotKey).seal(SEALED_TYPES.slotShare, new Uint8Array(), share)
  return { method, sealedShare }
}

/** Null when the credential is another one. */
async function openPart(member: Credential, part: SlotPart, slotName: string): Promise<Uint8Array | null> {
  const slotKey = await slotKeyOf(member, part.method, slotName)
  if (slotKey === null) return null
  try {
    return sealerOf(slotKey).open(SEALED_TYPES.slotShare, new Uint8Array(), part.sealedShare, slotName)
  } catch (error) {
    // With a passphrase only this tells; the seal of the bundle covers all that is here.
    if (codeOf(error) === 'corrupt') return null
    throw error
  }
}

/** The bundle of the slot is bound to its repository, and with it all parameters. */
function sealerOf(slotKey: Uint8Array): Sealer {
  const key = deriveKey('holdfast 1 part', slotKey)
  wipe(slotKey)
  return new Sealer(key, new Uint8Array(REPO_ID_SIZE), 1)
}
