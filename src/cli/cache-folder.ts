// Where this user's client keeps what it can make again: the index of a large repository (repo/index/local-index.ts).
import { homedir } from 'node:os'
import { join } from 'node:path'
import { reasonsOf } from '../base/errors.ts'
import type { LocalIndexOptions } from '../repo/index/local-index.ts'
import type { Context } from './context.ts'
import type { Environment } from './environment.ts'
import { makeFolders } from './make-folders.ts'

/** `$XDG_CACHE_HOME/holdfast`, by default `~/.cache/holdfast`. */
export function cacheFolder(env: Environment): string {
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'holdfast')
}

/** In the cache; where that cannot be written, in a file without a name among the temporary ones. */
export function localIndexOptions({ env, reporter }: Pick<Context, 'env' | 'reporter'>): LocalIndexOptions {
  const folder = cacheFolder(env)
  const tableBlobsMax = Number(env['HOLDFAST_INDEX_TABLE_BLOBS'] ?? NaN)
  return {
    places: [
      { folder, prepare: () => makeFolders(folder), kept: true },
      { folder: env['TMPDIR'] || '/tmp', kept: false },
    ],
    onProblem: (problem) => {
      const message = `no file can be made for the index, which is held in memory instead, 45 bytes for each blob (${reasonsOf(problem)}); XDG_CACHE_HOME names another place`
      reporter.onEvent({ type: 'warning', code: problem.code, message })
    },
    ...(tableBlobsMax > 0 && { tableBlobsMax }),
  }
}
