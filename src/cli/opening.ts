// Opens a repository with the credential that was found, or with the next one where nobody has said which to take.
import { BackupError, codeOf, wrap } from '../base/errors.ts'
import type { Credential } from '../credentials/credential.ts'
import type { Role } from '../format/bundle.ts'
import { checkNeed, RoleLacks } from '../repo/roles.ts'
import type { Context } from './context.ts'
import { askOnce, ATTEMPTS, type FoundCredential } from './secrets.ts'

/** Throws `wrong-key` where a credential of this role has not what the command takes. */
export function checkTask({ task }: Pick<Context, 'task'>, role: Role, location: string, by?: string): void {
  if (task === undefined) return
  const what = `\`holdfast ${task.command}\``
  checkNeed(role, { need: task.need, what, location, ...(by !== undefined && { by }) })
}

/**
 * Runs `step`, which opens a repository; `by` says what it tries. Where the credential is wrong, the error says who gave it;
 * what was typed may be typed again. Where the key of this machine, or an SSH key at its usual place, is not enough, others
 * are tried and somebody is asked; when there is nobody, the error is about the first.
 */
export async function opening<T>(
  found: FoundCredential,
  location: string,
  step: (credential: Credential, tried: FoundCredential) => Promise<T>,
): Promise<T> {
  let tried = found
  let first: BackupError | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      return await step(tried.credential, tried)
    } catch (cause) {
      if (codeOf(cause) !== 'wrong-key') throw cause
      if (tried.otherwise !== undefined) {
        first ??= cause instanceof RoleLacks ? cause : await tried.refused?.()
        tried = await tried.otherwise(first?.message).catch((error: unknown) => {
          throw first !== undefined && codeOf(error) === 'usage' ? first : error
        })
        attempt--
        continue
      }
      if (cause instanceof RoleLacks) throw cause
      if (tried.description !== undefined) throw wrap(`opening with ${tried.description}`, location, cause)
      if (attempt === ATTEMPTS) throw cause
    }
    tried = await askOnce(location, 'This passphrase does not open it.')
  }
}
