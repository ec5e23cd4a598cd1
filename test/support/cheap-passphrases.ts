// Passphrases that cost next to nothing, for programs that tests start by the hundred: the real thing takes half a second
// of a processor each time. Slots that were made with the cost of new ones get another key here than elsewhere, so all who
// share a repository need this: by importing it, or by CHEAP_PASSPHRASES in their environment. What slots say of their
// cost stays as it is. The real function is tested in src/crypto/passphrase.test.ts, by the vectors and by the README's
// commands, which run without this.
import crypto, { type Argon2Parameters } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

const { argon2 } = crypto
/** What new slots take; others, which tests make cheap themselves, are left alone. */
const NEW_SLOT_KIB = 128 * 1024

crypto.argon2 = (algorithm, parameters: Argon2Parameters, done) => {
  const cheap = { memory: 8 * parameters.parallelism, passes: 1 }
  argon2(algorithm, parameters.memory < NEW_SLOT_KIB ? parameters : { ...parameters, ...cheap }, done)
}
syncBuiltinESMExports()

export const CHEAP_PASSPHRASES = { NODE_OPTIONS: `--require=${import.meta.filename}` } as const
