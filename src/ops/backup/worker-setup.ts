// What the workers of a backup are given.
import { availableParallelism } from 'node:os'
import { AUTO, type Method } from '../../compress/method.ts'
import { bundleTargetFor } from '../../repo/packs/bundle-target.ts'
import type { SessionSecrets } from '../../repo/declared-session.ts'
import type { BackupOptions } from './backup.ts'
import type { WorkerSetup } from './chunk-worker.ts'
import { threadExecutor } from './executor.ts'
import type { Executor } from './executor.ts'

export function workerSetup(opts: BackupOptions, secrets: SessionSecrets): WorkerSetup {
  const { id, suite, description, domain } = opts.repo
  return {
    repoId: id,
    suite,
    keyId: domain.keyId,
    keyLoc: domain.keyLoc,
    keyCdc: domain.keyCdc,
    dataSecret: secrets.data,
    metaSecret: secrets.meta,
    chunker: description.chunker,
    bundleTarget: bundleTargetFor('data', description.packSize),
    methods: methodsOf(opts),
    index: { tables: [] },
  }
}

export function defaultExecutor(setup: WorkerSetup): Executor {
  return threadExecutor(setup, Math.max(1, availableParallelism()))
}

/** By number, as `treatment` of a source names them; the first is the default. */
export function methodsOf({ compression = AUTO, source }: BackupOptions): Method[] {
  return [compression, ...(source.methods ?? [])]
}
