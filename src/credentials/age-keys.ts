// New keys of age.

/** An identity that stands a quantum computer (X25519 with ML-KEM-768). */
export async function newHybridIdentity(): Promise<string> {
  const { generateHybridIdentity } = await import('age-encryption')
  return generateHybridIdentity()
}

/** The recipient that belongs to an identity of age itself. */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await import('age-encryption')
  return identityToRecipient(identity)
}
