// A repository in a local folder. An object appears under its name whole or not at all, and an acknowledged one
// survives a power cut (docs/decisions/0004-local-store-durability.md): temporary file, fsync, link, fsync of the folder.
import { link, lstat, mkdir, open, rename, stat, unlink } from 'node:fs/promises'
import { BackupError, errnoOf } from '../base/errors.ts'
import { toHex } from '../base/bytes.ts'
import { secureRandom } from '../base/random.ts'
import { exchangeFiles, type Exchange } from './exchange-files.ts'
import { FsFolders } from './fs-folders.ts'
import { FsLister, objectInfo, type OnSkipped } from './fs-lister.ts'
import { FsReader } from './fs-reader.ts'
import { FOLDER_MODE, openRoot, removeLeftOvers, type FsRoot } from './fs-root.ts'
import { checkGet, checkObjectName, checkPrefix, checkPut, folderOf, TEMPORARY_FOLDER } from './object-names.ts'
import { overwriteFile } from './overwrite-file.ts'
import { removeTemporary, StagedFile, writeAll, type TemporaryFile } from './staged-file.ts'
import type { ListPage, ObjectInfo, PutResult, StagedObject, Store } from './store.ts'

/** Objects never change: not even their owner may write to them. */
const OBJECT_MODE = 0o400
/** Objects of this size are looked for before they are written; smaller ones just meet the one that is there. */
const LOOK_FIRST_BYTES = 256 * 1024
/** What link(2) says where there are no hard links: FAT, exFAT, some FUSE and SMB. */
const NO_LINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'])

const INDEX = 'index/'

export interface FsStoreOptions {
  /** Makes the folder if it is not there; a folder with something else in it is refused. */
  readonly create: boolean
  readonly onSkipped?: OnSkipped
  /** Puts one file in the place of another; that of the system unless given. */
  readonly exchange?: Exchange
}

/**
 * Opens the repository in a folder. Throws `not-found` when there is none (and not `create`), `exists` when `create` and
 * the folder holds something else, `usage` when it is not a folder, `refused`, `full`, `io`.
 */
export async function openFsStore(path: string, opts: FsStoreOptions): Promise<FsStore> {
  const root = await openRoot(path, opts.create)
  await removeLeftOvers(root)
  return new FsStore(root, opts.onSkipped ?? (() => {}), opts.exchange)
}

export class FsStore implements Store {
  readonly location: string
  readonly listLagMs = 0
  readonly #root: FsRoot
  readonly #folders: FsFolders
  readonly #lister: FsLister
  readonly #reader: FsReader
  readonly #exchange: Exchange
  /** Names of temporary files begin with this, so that two processes (or machines) never share one. */
  readonly #token = toHex(secureRandom(8))
  #temporaryFiles = 0
  #hasLinks = true
  /** Somebody who only reads can do so from a disk that fails to sync. */
  #isWriter = false
  /** Where there are no links: puts that are between looking for their name and taking it. */
  readonly #taking = new Map<string, Promise<boolean>>()

  constructor(root: FsRoot, onSkipped: OnSkipped, exchange: Exchange = exchangeFiles) {
    this.#exchange = exchange
    this.location = root.path
    this.#root = root
    this.#folders = new FsFolders(root)
    this.#lister = new FsLister(root, onSkipped)
    this.#reader = new FsReader(root)
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    const size = checkPut(name, parts)
    this.#isWriter = true
    return this.#doing('storing', name, async () => {
      const folder = folderOf(name)
      const there = size >= LOOK_FIRST_BYTES && (await isThere(this.#root.pathOf(name)))
      const created = !there && (await this.#create(name, parts))
      // Also for an object that was there: it may be from a process that died before this.
      await this.#folders.sync(folder)
      return { created }
    })
  }

  stage(): StagedObject {
    this.#isWriter = true
    return new StagedFile({
      open: () => this.#openTemporary(),
      finish: (temporary, name) => this.#finish(temporary, name),
      doing: (step) => this.#doing('storing', TEMPORARY_FOLDER, step),
    })
  }

  async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    checkGet(name, range)
    return this.#doing('reading', name, () => this.#reader.read(name, range))
  }

  async stat(name: string): Promise<ObjectInfo | null> {
    checkObjectName(name)
    return this.#doing('looking for', name, async () => {
      try {
        const info = await stat(this.#root.pathOf(name))
        return info.isFile() ? objectInfo(name, info) : null
      } catch (cause) {
        if (await this.#root.saysAbsent(cause, name)) return null
        throw cause
      }
    })
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    checkPrefix(prefix)
    const page = await this.#lister.list(prefix, cursor)
    // docs/format.md, 10: a writer builds on the segments that it sees, and whoever put one may have died before its fsync.
    const isBuiltUpon = this.#isWriter && prefix === INDEX && page.objects.length > 0
    if (isBuiltUpon) await this.#doing('listing', prefix, () => this.#folders.sync(folderOf(prefix)))
    return page
  }

  async keep(name: string): Promise<boolean> {
    checkObjectName(name)
    this.#isWriter = true
    return this.#doing('keeping', name, async () => {
      if ((await this.stat(name)) === null) return false
      // Its bytes were safe before it had its name; the name may be from a process that died before this.
      await this.#folders.sync(folderOf(name))
      return true
    })
  }

  async delete(name: string): Promise<boolean> {
    checkObjectName(name)
    return this.#doing('deleting', name, async () => {
      try {
        await unlink(this.#root.pathOf(name))
      } catch (cause) {
        if (await this.#root.saysAbsent(cause, name)) return await this.#goneForGood(name)
        // unlink of a folder is EISDIR on Linux and EPERM elsewhere.
        if ((await lstat(this.#root.pathOf(name))).isDirectory()) return false
        throw cause
      }
      await this.#folders.sync(folderOf(name))
      return true
    })
  }

  async shred(name: string): Promise<boolean> {
    checkObjectName(name)
    return this.#doing('overwriting', name, async () => {
      const temporary = this.#root.pathOf(`${TEMPORARY_FOLDER}/${this.#token}-${this.#temporaryFiles++}`)
      await mkdir(this.#root.pathOf(TEMPORARY_FOLDER), { mode: FOLDER_MODE, recursive: true })
      try {
        // First its name goes: nobody finds an object with other bytes.
        await rename(this.#root.pathOf(name), temporary)
      } catch (cause) {
        if (await this.#root.saysAbsent(cause, name)) return await this.#goneForGood(name)
        throw cause
      }
      await this.#folders.sync(folderOf(name))
      await overwriteFile(temporary)
      await unlink(temporary)
      return true
    })
  }

  async replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    checkPut(name, parts)
    this.#isWriter = true
    return this.#doing('replacing', name, async () => {
      const path = this.#root.pathOf(name)
      if (!(await isThere(path))) return await this.#nothingThere(name)
      const temporary = await this.#openTemporary()
      try {
        await writeAll(temporary.handle, parts)
        await temporary.handle.sync()
        const done = await this.#exchange(temporary.path, path)
        if (done === 'gone') return await this.#nothingThere(name)
        if (done === 'unsupported') return await this.#renameOver(temporary.path, name)
        // The damaged one has the name of the temporary file now, and goes with it.
        await this.#folders.sync(folderOf(name))
        return true
      } finally {
        await removeTemporary(temporary)
      }
    })
  }

  /**
   * Where files cannot be exchanged: between looking and renaming somebody may delete the object, which is back then. For that
   * he has to be quicker than two calls.
   */
  async #renameOver(temporary: string, name: string): Promise<boolean> {
    const path = this.#root.pathOf(name)
    const aside = this.#root.pathOf(`${TEMPORARY_FOLDER}/${this.#token}-${this.#temporaryFiles++}`)
    // Where there are no links nothing is kept, and the new name takes the place of the old one all the same.
    const kept = await link(path, aside).then(
      () => true,
      () => false,
    )
    try {
      if (!kept && !(await isThere(path))) return await this.#nothingThere(name)
      await rename(temporary, path)
    } catch (cause) {
      if (kept) await unlink(aside).catch(() => {})
      throw cause
    }
    await this.#folders.sync(folderOf(name))
    // What cannot be removed is a left-over for another day.
    if (kept) await unlink(aside).catch(() => {})
    return true
  }

  /** False, once it is sure that it is not the folder of the repository that is not there. */
  async #nothingThere(name: string): Promise<false> {
    await this.#root.saysAbsent(Object.assign(new Error('ENOENT'), { code: 'ENOENT' }), name)
    return false
  }

  async close(): Promise<void> {}

  /** False when somebody else has the name by then. */
  async #create(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    // The folder is made durable while the bytes are written.
    const ensuring = this.#folders.ensure(folderOf(name))
    const ensured = ensuring.catch(() => {})
    try {
      return await this.#write(name, parts, ensuring)
    } finally {
      await ensured // nothing of a put that failed goes on behind its caller's back
    }
  }

  /** Writes the bytes to a temporary file and gives it the object's name once `ensuring` says that the folder is there. */
  async #write(name: string, parts: readonly Uint8Array[], ensuring: Promise<void>): Promise<boolean> {
    const temporary = await this.#openTemporary()
    try {
      await writeAll(temporary.handle, parts)
      await temporary.handle.sync()
      await ensuring
      return await this.#name(temporary, name)
    } finally {
      await removeTemporary(temporary)
    }
  }

  /** Gives what was staged its name. */
  async #finish(temporary: TemporaryFile, name: string): Promise<PutResult> {
    checkObjectName(name)
    const folder = folderOf(name)
    await Promise.all([this.#folders.ensure(folder), temporary.handle.sync()])
    const created = await this.#name(temporary, name)
    await this.#folders.sync(folder)
    return { created }
  }

  /** False when somebody else has the name. */
  async #name({ path, handle }: TemporaryFile, name: string): Promise<boolean> {
    // NFS may repeat a link whose answer was lost and then find its own work in the way.
    return (await this.#takeName(path, name)) || (await handle.stat()).nlink > 1
  }

  async #openTemporary(): Promise<TemporaryFile> {
    const name = `${TEMPORARY_FOLDER}/${this.#token}-${this.#temporaryFiles++}`
    const path = this.#root.pathOf(name)
    try {
      return { path, handle: await open(path, 'wx', OBJECT_MODE) }
    } catch (cause) {
      if (!(await this.#root.saysAbsent(cause, name))) throw cause
      await mkdir(this.#root.pathOf(TEMPORARY_FOLDER), { mode: FOLDER_MODE, recursive: true })
      return { path, handle: await open(path, 'wx', OBJECT_MODE) }
    }
  }

  async #takeName(temporary: string, name: string, firstTry = true): Promise<boolean> {
    const path = this.#root.pathOf(name)
    if (!this.#hasLinks) return this.#takeNameWithoutLinks(temporary, path)
    try {
      await link(temporary, path)
      return true
    } catch (cause) {
      const errno = errnoOf(cause) ?? ''
      if (errno === 'EEXIST' && (await isThere(path))) return false
      if (NO_LINKS.has(errno)) {
        const taken = await this.#takeNameWithoutLinks(temporary, path)
        this.#hasLinks = false
        return taken
      }
      if (errno !== 'ENOENT' || !firstTry) throw cause
    }
    // Somebody removed the folder because it was empty.
    await this.#root.checkAlive()
    this.#folders.forget(folderOf(name))
    await this.#folders.ensure(folderOf(name))
    return this.#takeName(temporary, name, false)
  }

  /**
   * Two processes that put one name at the same moment may both take it here, the second over the first: harmless for
   * names that are hashes of their bytes, and all that a file system without links offers.
   */
  async #takeNameWithoutLinks(temporary: string, path: string): Promise<boolean> {
    const before = this.#taking.get(path) ?? Promise.resolve(false)
    const taking = before
      .catch(() => false)
      .then(async () => {
        if (await isThere(path)) return false
        await rename(temporary, path)
        return true
      })
    this.#taking.set(path, taking)
    try {
      return await taking
    } finally {
      if (this.#taking.get(path) === taking) this.#taking.delete(path)
    }
  }

  /** Always false. Whoever deleted the object may have died before this. */
  async #goneForGood(name: string): Promise<false> {
    const folder = folderOf(name)
    try {
      await this.#folders.sync(folder)
    } catch (cause) {
      if (!(await this.#root.saysAbsent(cause, folder))) throw cause
    }
    return false
  }

  async #doing<T>(what: string, name: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (cause) {
      throw await this.#root.failure(what, name, cause)
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isDirectory()) return true
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false
    throw cause
  }
  throw new BackupError('corrupt', 'there is a folder where an object belongs', path)
}
