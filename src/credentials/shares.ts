// Slots for k of n shares (docs/format.md, 3.6): Shamir's secret sharing, from a library that was audited and takes its
// randomness from the system. Fewer than k shares tell nothing about the slot secret.
import { assert } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { wipe } from '../crypto/wipe.ts'
import { SHARE_SET_SIZE, SHARES_MAX } from '../format/slot-kinds.ts'
import type { SlotMethod } from '../format/slot-kinds.ts'
import type { Recipient, Unlocker } from './credential.ts'
import type { Share } from './share.ts'

export interface ShareNumbers {
  /** How many are needed, at least 2. */
  readonly threshold: number
  /** How many there are. */
  readonly count: number
}

/** Throws `usage` for numbers that make no sense. */
export function checkShareNumbers({ threshold, count }: ShareNumbers, subject: string): void {
  const wrong = (what: string, hint: string) => new BackupError('usage', what, subject, { hint })
  if (threshold < 2) throw wrong('one share alone would be the key', 'at least 2 must be needed, as in 2/3')
  if (threshold > count) throw wrong(`${threshold} of ${count} shares can never come together`, 'write 3/5 for 3 of 5')
  if (count > SHARES_MAX) throw wrong(`there can be ${SHARES_MAX} shares at most`, 'give fewer people one each')
}

/**
 * Slots for new shares. `deliver` gets them before there is a slot, so that no slot is there whose shares nobody has; when
 * it throws there is none.
 */
export function newShares(
  { threshold, count }: ShareNumbers,
  random: SecureRandom,
  deliver: (shares: readonly Share[]) => Promise<void>,
): Recipient {
  const set = random(SHARE_SET_SIZE)
  return {
    kind: 'shares',
    detail: `${threshold} of ${count} shares of set ${toHex(set)}`,
    async wrap(secret): Promise<SlotMethod> {
      const shares = await splitSecret(secret, { threshold, count }, set)
      await deliver(shares)
      for (const { value } of shares) wipe(value)
      return { kind: 'shares', set, threshold, count }
    },
  }
}

/** Every share is tried before it is given away. */
export async function splitSecret(
  secret: Uint8Array,
  { threshold, count }: ShareNumbers,
  set: Uint8Array,
): Promise<Share[]> {
  const { split } = await import('shamir-secret-sharing')
  const plain = new Uint8Array(secret) // the library takes no Buffer
  const values = await split(plain, count, threshold)
  wipe(plain)
  const shares = values.map((value, i): Share => ({ set, threshold, number: i + 1, value }))
  for (let begin = 0; begin < count; begin += threshold) {
    const some = Array.from({ length: threshold }, (_, i) => shares[(begin + i) % count]!)
    const again = await combineShares(some)
    assert(equalBytes(again, secret), 'shares give the secret that they were made of')
    wipe(again)
  }
  return shares
}

/** At least as many as are needed. */
export async function combineShares(shares: readonly Pick<Share, 'value'>[]): Promise<Uint8Array> {
  const { combine } = await import('shamir-secret-sharing')
  return combine(shares.map(({ value }) => value))
}

/** Shares that somebody brought together one after the other. */
export class ShareCollection {
  readonly #shares: Share[] = []

  /** Throws `usage` naming `subject` for one that is of another set, or there already. */
  add(share: Share, subject: string): void {
    const [first] = this.#shares
    if (first !== undefined && (!equalBytes(share.set, first.set) || share.threshold !== first.threshold)) {
      throw new BackupError(
        'usage',
        `this share is of set ${toHex(share.set)}, the first one of set ${toHex(first.set)}`,
        subject,
        {
          hint: 'only shares of one set give a secret; the set is printed on each sheet',
        },
      )
    }
    if (this.#shares.some(({ number, value }) => number === share.number || value.at(-1) === share.value.at(-1))) {
      throw new BackupError('usage', `share ${share.number} is there already`, subject, {
        hint: 'give a share with another number',
      })
    }
    this.#shares.push(share)
  }

  /** How many more are needed; undefined as long as there is none to tell. */
  get missing(): number | undefined {
    const [first] = this.#shares
    return first && Math.max(0, first.threshold - this.#shares.length)
  }

  /** Throws `usage` as long as shares are missing. */
  unlocker(): Unlocker {
    const shares = [...this.#shares]
    const [first] = shares
    if (first === undefined || shares.length < first.threshold) {
      const needed =
        first === undefined ? 'no share is given' : `${shares.length} of ${first.threshold} shares are given`
      throw new BackupError('usage', needed, first === undefined ? '--share' : `set ${toHex(first.set)}`, {
        hint: 'give more with --share FILE, or run this on a terminal to type them',
      })
    }
    return {
      kind: 'shares',
      description: `the shares of set ${toHex(first.set)}`,
      mayOpen: (method) =>
        method.kind === 'shares' && method.threshold === first.threshold && equalBytes(method.set, first.set),
      unwrap: () => combineShares(shares),
    }
  }
}
