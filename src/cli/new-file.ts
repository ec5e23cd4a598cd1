// Files with secrets that a command makes: readable by their owner alone, never in the place of another one.
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { BackupError, doingSync, errnoOf } from '../base/errors.ts'

/** Throws `exists` when there is one; leaves none that is not whole. */
export function writeNewFile(what: string, file: string, content: Uint8Array | string): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  doingSync(what, file, () => {
    const fd = openNew(file)
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
      fsyncSync(fd)
    } catch (cause) {
      rmSync(file, { force: true })
      throw cause
    } finally {
      closeSync(fd)
    }
  })
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600)
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST') throw cause
    throw new BackupError('exists', 'a file is there already, and is left as it is', file, {
      hint: 'choose another name',
    })
  }
}
