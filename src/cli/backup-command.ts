// `holdfast backup`: what is backed up, into which repository, and what the person is told about it.
import { lstatSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { systemEvery } from '../base/clock.ts'
import { BackupError, codeOf } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { runBackup, type BackupResult } from '../ops/backup/backup.ts'
import { FileSystemSource } from '../ops/backup/file-system-source.ts'
import { packName } from '../format/names.ts'
import type { LocalState } from '../repo/local-state.ts'
import { ReadTimes } from '../repo/packs/read-times.ts'
import type { Repository } from '../repo/repository.ts'
import type { Store } from '../store/store.ts'
import { backupRules } from './backup-rules.ts'
import { printBackup } from './backup-view.ts'
import type { BackupFlags } from './commands/backup.ts'
import { parseCompression } from './compression.ts'
import type { Config, SourceSet } from './config.ts'
import type { Context } from './context.ts'
import { type BackupPreparation, warnOfReaders, withRepositoryForBackup } from './creation.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { filePolicy } from './file-policy.ts'
import { parseDates } from './dates.ts'
import { rememberSnapshot } from './history.ts'
import { bytesOfText, nativeWorkingFolder } from './native-text.ts'
import { whyNothingIsLeft } from './nothing-left.ts'
import { stoppable } from './signals.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { counted } from './units.ts'
import { hasNeed } from '../repo/roles.ts'
import { checkLetIn } from '../repo/writers/writer-identity.ts'
import { userName } from './user-name.ts'
import { VERSION } from './version.ts'

export async function runBackupCommand(
  context: Context,
  flags: BackupFlags,
  paths: readonly string[],
): Promise<ExitCode> {
  const config = await context.config()
  const set = chosenSet(config, flags.set, paths)
  const sources = absolutePaths(set?.paths ?? paths)
  const layers = set === undefined ? [config] : [config, set]
  const rules = backupRules(layers, flags)
  const compression = parseCompression([
    ...layers.flatMap((layer) => layer.compression ?? []),
    ...(flags.compression ?? []),
  ])
  const dates = parseDates(
    { keepUntil: flags.keepUntil ?? set?.keepUntil, destroyBy: flags.destroyBy ?? set?.destroyBy },
    context.clock.now(),
  )
  const files = { ...filePolicy(layers, flags), compression: compression.rules }
  let source: FileSystemSource
  const prepare = (store: Store): BackupPreparation => {
    source = new FileSystemSource({
      sources: sources.map((path) => ({ path: bytesOfText(path), rules })),
      avoid: identityOf(store.location),
      files,
      tellExcluded: context.globals.verbose,
      clock: context.clock,
    })
    return { begin: () => source.begin(), end: () => source.close() }
  }
  return withRepositoryForBackup(context, prepare, async (opened, place) => {
    const domain = flags.domain ?? set?.domain ?? config.domain
    const repository = domain === undefined ? opened : opened.inDomain(domain)
    warnOfReaders(context, repository)
    await checkLetIn(repository)
    const kept = 'what is stored stays and the next backup uses it; this one leaves no snapshot'
    const trust = flags.trust ?? set?.trust ?? config.trust
    const description = flags.description ?? set?.description
    const state = openStateFolder(stateFolder(context.env))
    const distrust = flags.heal === true ? await foundDamaged(context, repository, state) : undefined
    const result = await stoppable(context, kept, (signal) =>
      runBackup({
        repo: repository,
        source,
        state,
        clock: context.clock,
        every: systemEvery,
        random: secureRandom,
        host: flags.host ?? config.host ?? hostname(),
        user: userName(context.env),
        tool: `holdfast ${VERSION}`,
        tags: [...new Set([...(set?.tags ?? []), ...(flags.tag ?? [])])],
        ...(description === undefined ? {} : { description }),
        ...dates,
        ...(trust === undefined ? {} : { trust }),
        ...(flags.parent === undefined ? {} : { parent: flags.parent === 'none' ? null : flags.parent }),
        ...(compression.method === undefined ? {} : { compression: compression.method }),
        ...(distrust !== undefined && { distrust }),
        onEvent: context.reporter.onEvent,
        fileEvents: context.globals.verbose,
        estimate: context.reporter.showsProgress,
        signal,
      }),
    )
    context.reporter.finish()
    await rememberSnapshot(context, repository, result.snapshot)
    printBackup(context, result, {
      ...place,
      isReadable: hasNeed(repository.bundle.role, 'files'),
      onSameDisk: isOnSameDisk(repository.store.location, sources),
    })
    if (config.publish !== undefined) {
      const { publishAfterBackup } = await import('./checkpoint-view.ts')
      await publishAfterBackup(context, repository, config.publish)
    }
    const nothing = whyNothingIsLeft(result, rules, repository.store.location)
    if (nothing !== undefined) context.reporter.onEvent({ type: 'warning', code: 'usage', message: nothing })
    return nothing === undefined ? exitCodeOfBackup(result) : EXIT.partial
  })
}

/** Names of the packs that checks on this machine have found damaged. */
async function foundDamaged(context: Context, repository: Repository, state: LocalState): Promise<string[]> {
  const { damaged } = await ReadTimes.load(repository, state)
  const names: string[] = []
  for (const hash of damaged) {
    for (const kind of ['data', 'meta'] as const) {
      const name = packName(kind, hash)
      if ((await repository.store.stat(name)) !== null) names.push(name)
    }
  }
  const found = names.length === 0 ? 'nothing' : counted(names.length, 'damaged pack')
  context.reporter.note(`checks on this machine have found ${found}`)
  return names
}

function exitCodeOfBackup({ body }: BackupResult): ExitCode {
  return body.partial ? EXIT.partial : EXIT.ok
}

/** The source set to back up; undefined when DIRs are given. Throws `usage` when there is neither. */
function chosenSet({ sets }: Config, name: string | undefined, paths: readonly string[]): SourceSet | undefined {
  if (name === undefined && paths.length > 0) return undefined
  const known = Object.keys(sets)
  if (name !== undefined && paths.length > 0) {
    throw new BackupError('usage', 'both a source set and folders are given', `--set ${name} ${paths[0]}`, {
      hint: 'give one or the other',
    })
  }
  const set = sets[name ?? 'default']
  if (set !== undefined) return set
  if (name === undefined) {
    const hint =
      known.length === 0 ? 'name them: `holdfast backup DIR`' : `name them, or use --set with ${known.join(' or ')}`
    throw new BackupError('usage', 'nothing to back up', 'no DIR is given', { hint })
  }
  const hint =
    known.length === 0 ? 'docs/config.md shows how to write one' : `the configuration has ${known.join(', ')}`
  throw new BackupError('usage', 'no such source set', name, { hint })
}

/** Absolute and without doubles. Throws `not-found` when none of them exists; a single missing one makes the snapshot partial. */
function absolutePaths(paths: readonly string[]): string[] {
  const cwd = nativeWorkingFolder()
  const absolute = [...new Set(paths.map((path) => resolve(cwd, path)))]
  if (absolute.some(exists)) return absolute
  throw new BackupError(
    'not-found',
    absolute.length === 1 ? 'no such file or folder' : 'none of the sources exists',
    absolute.join(', '),
  )
}

function exists(path: string): boolean {
  try {
    lstatSync(Buffer.from(bytesOfText(path)))
    return true
  } catch (cause) {
    return codeOf(cause) !== 'not-found' // what cannot be looked at is there
  }
}

/** The repository's folder, so that it is not backed up into itself. */
function identityOf(location: string): { dev: bigint; ino: bigint }[] {
  const { dev, ino } = statSync(location, { bigint: true })
  return [{ dev, ino }]
}

function isOnSameDisk(location: string, sources: readonly string[]): boolean {
  const { dev } = statSync(location)
  return sources.some((path) => {
    try {
      return lstatSync(Buffer.from(bytesOfText(path))).dev === dev
    } catch {
      return false
    }
  })
}
