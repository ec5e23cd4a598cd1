// What guessing a new passphrase shall cost: measured where the key slot is made.
import type { NewCredential, PassphraseCost } from '../credentials/credential.ts'
import type { Context } from './context.ts'

/** Empty for credentials that nobody guesses. */
export async function costOfNew(
  { clock }: Pick<Context, 'clock'>,
  { kind }: NewCredential,
): Promise<{ readonly cost?: PassphraseCost }> {
  if (kind !== 'passphrase') return {}
  const { calibratedCost } = await import('../crypto/passphrase.ts')
  return { cost: await calibratedCost(clock) }
}
