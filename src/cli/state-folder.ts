// What this user's client keeps on its own disk for all repositories (repo/local-state.ts): one file a name, replaced
// atomically, readable by nobody else.
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import { BackupError, codeOf, errnoOf, wrap } from '../base/errors.ts'
import { lockFile } from '../posix/locks.ts'
import type { LocalState, StateWriteOptions } from '../repo/local-state.ts'
import type { Environment } from './environment.ts'
import { makeFolders } from './make-folders.ts'
import { replaceFile } from './replace-file.ts'

/** `$XDG_STATE_HOME/holdfast`, by default `~/.local/state/holdfast`. */
export function stateFolder(env: Environment): string {
  return join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state'), 'holdfast')
}

/** The folder is made when something is written. */
export function openStateFolder(folder: string): LocalState {
  const fileOf = (name: string) => {
    assert(/^[a-z0-9][a-z0-9._-]*$/.test(name), `${name} is a name for local state`)
    return join(folder, name)
  }
  return {
    read: async (name) => readIfThere(fileOf(name)),
    write: async (name, bytes, opts) => writeState(fileOf(name), bytes, opts),
    remove: async (name) => {
      const file = fileOf(name)
      changing('removing local state', file, () => rmSync(file, { force: true }))
    },
    exclusive: async (name, step) => {
      const fd = await lock(`${fileOf(name)}.lock`)
      try {
        return await step()
      } finally {
        closeSync(fd)
      }
    },
  }
}

/** How long another process may hold the lock, and how often to look. */
const LOCK_WAIT_MS = 60_000
const LOCK_POLL_MS = 50

function readIfThere(file: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(file))
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return null
    throw wrap('reading local state', file, cause)
  }
}

function writeState(file: string, bytes: Uint8Array, opts?: StateWriteOptions): void {
  changing('writing local state', file, () => {
    makeFolders(dirname(file))
    replaceFile(file, bytes, 0o600, opts)
  })
}

function changing<T>(what: string, file: string, step: () => T): T {
  try {
    return step()
  } catch (cause) {
    throw new BackupError(codeOf(cause), what, file, {
      cause,
      hint: 'a backup keeps the key of this machine there; XDG_STATE_HOME names another place that can be written to',
    })
  }
}

/** A descriptor that holds the lock until it is closed. The lock file stays: removing it would race with the next one. */
async function lock(file: string): Promise<number> {
  const fd = changing('locking local state', file, () => {
    makeFolders(dirname(file))
    return openSync(file, 'a', 0o600)
  })
  try {
    for (let waited = 0; !tryLock(fd); waited += LOCK_POLL_MS) {
      if (waited >= LOCK_WAIT_MS) {
        throw new BackupError('io', 'another process holds local state for a minute already', file, {
          hint: 'look for a Holdfast that hangs, and try again when it has ended',
        })
      }
      await sleep(LOCK_POLL_MS)
    }
    return fd
  } catch (cause) {
    closeSync(fd)
    throw cause
  }
}

function tryLock(fd: number): boolean {
  try {
    return lockFile(fd, true, false)
  } catch (cause) {
    // Where locks cannot be had, two processes of one user at the same moment are the user's own care.
    if (['ENOTSUP', 'ENOSYS', 'ENOLCK', 'EOPNOTSUPP'].includes(errnoOf(cause) ?? '')) return true
    throw cause
  }
}
