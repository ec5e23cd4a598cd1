// Folders of this user alone.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from '../base/errors.ts'

/** Node's own recursive mkdir never ends where nothing can be made (/proc, a home that an automounter does not know). */
export function makeFolders(path: string, parentIsThere = false): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return
    if (errnoOf(cause) !== 'ENOENT' || parentIsThere || dirname(path) === path) throw cause
    makeFolders(dirname(path))
    makeFolders(path, true)
  }
}
