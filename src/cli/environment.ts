// The variables of the environment that are read, and what somebody may have meant who set another one.
import { nearWords } from '../base/near-words.ts'

/** Variables of the environment; only the command line reads them, everything below gets values. */
export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'HOLDFAST_'

/** docs/config.md says what each is for; `HOLDFAST_NODE` is for what starts the program. */
export const VARIABLES: readonly string[] = [
  'HOLDFAST_REPO',
  'HOLDFAST_CONFIG',
  'HOLDFAST_KEY_FILE',
  'HOLDFAST_IDENTITY',
  'HOLDFAST_RECOVERY_WORDS_FILE',
  'HOLDFAST_PKCS11',
  'HOLDFAST_PASSWORD',
  'HOLDFAST_PASSWORD_FILE',
  'HOLDFAST_PASSWORD_COMMAND',
  'HOLDFAST_NEW_PASSWORD',
  'HOLDFAST_INDEX_TABLE_BLOBS',
  'HOLDFAST_NODE',
]

/** What other programs of this kind call theirs. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  REPOSITORY: 'REPO',
  PASSPHRASE: 'PASSWORD',
  PASSCOMMAND: 'PASSWORD_COMMAND',
}

/**
 * Variables that nobody reads and that look like one that is: with `HOLDFAST_REPOSITORY` alone a backup would go to another
 * place than its user believes, without a word. Each with the one that was meant.
 */
export function misnamedVariables(env: Environment): [string, string][] {
  const known = VARIABLES.map((name) => name.slice(PREFIX.length))
  return Object.keys(env).flatMap((name): [string, string][] => {
    if (!name.startsWith(PREFIX) || VARIABLES.includes(name)) return []
    const tail = name.slice(PREFIX.length)
    const meant = ELSEWHERE[tail] ?? nearWords(tail, known, 1)[0]
    return meant === undefined ? [] : [[name, PREFIX + meant]]
  })
}
