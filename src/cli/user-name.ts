// Who made a snapshot, for people who read its list: nothing depends on it, so it never keeps a backup from being made.
import { userInfo } from 'node:os'
import type { Environment } from './environment.ts'

/**
 * The name of the user who runs this. Where the system knows none for the user id (a container, a directory server that does
 * not answer): what the environment says, else the id as digits.
 */
export function userName(env: Environment): string {
  try {
    return userInfo().username
  } catch {
    const named = [env['USER'], env['LOGNAME']].find((name) => name !== undefined && name !== '')
    return named ?? String(process.geteuid?.() ?? 'unknown')
  }
}
