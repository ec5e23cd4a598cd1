// Names of users and groups. The C library is asked, so that directory services count; without it /etc/passwd and
// /etc/group. Every answer is kept for the life of the thread: a backup asks for the same few again and again.
import { readFileSync } from 'node:fs'
import { displayText } from '../base/bytes.ts'
import { secondCString } from './c-strings.ts'
import { ERRNO } from './errors.ts'
import { libc, type Libc } from './libc.ts'

/** The name of a user; undefined when nobody knows it. */
export function userName(uid: number): string | undefined {
  return remember(userNames, uid, () => lookUp('passwd', uid)?.name)
}

export function groupName(gid: number): string | undefined {
  return remember(groupNames, gid, () => lookUp('group', gid)?.name)
}

/** The number of a user; undefined when nobody has that name. */
export function uidOf(name: string): number | undefined {
  return remember(uids, name, () => lookUp('passwd', name)?.id)
}

export function gidOf(name: string): number | undefined {
  return remember(gids, name, () => lookUp('group', name)?.id)
}

/** The user whose permissions count; 0 is root. 0xffffffff on systems without users. */
export function effectiveUid(): number {
  return process.geteuid?.() ?? 0xffffffff
}

interface Account {
  readonly name: string
  readonly id: number
}

const userNames = new Map<number, string | undefined>()
const groupNames = new Map<number, string | undefined>()
const uids = new Map<string, number | undefined>()
const gids = new Map<string, number | undefined>()

function remember<K, V>(cache: Map<K, V | undefined>, key: K, ask: () => V | undefined): V | undefined {
  if (cache.has(key)) return cache.get(key)
  const answer = ask()
  cache.set(key, answer)
  return answer
}

function lookUp(base: 'passwd' | 'group', key: number | string): Account | undefined {
  const c = libc()
  return c === null ? lookUpInFile(base, key) : lookUpByCall(c, base, key)
}

// Entries larger than this (groups of very many members) have no name here.
const ENTRY_SIZE_MAX = 4 * 1024 * 1024
const ENTRY_SIZE_FIRST = 16 * 1024

function lookUpByCall(c: Libc, base: 'passwd' | 'group', key: number | string): Account | undefined {
  // struct passwd and struct group both begin: char *name, char *password, u32 id of a passwd entry's user or a group.
  const entry = new Uint8Array(128)
  const found = new Uint8Array(128)
  for (let size = ENTRY_SIZE_FIRST; size <= ENTRY_SIZE_MAX; size *= 4) {
    const text = new Uint8Array(size)
    const errno = call(c, base, key, entry, text, found)
    if (errno === ERRNO.ERANGE) continue
    const pointers = new DataView(entry.buffer)
    if (errno !== 0 || new DataView(found.buffer).getBigUint64(0, true) === 0n) return undefined
    // The call put its texts into our own buffer; anything else is not looked at.
    const start = Number(pointers.getBigUint64(0, true) - c.address(text))
    const end = start >= 0 && start < size ? text.indexOf(0, start) : -1
    if (end < 0) return undefined
    return { name: displayText(text.subarray(start, end)), id: pointers.getUint32(16, true) }
  }
  return undefined
}

function call(c: Libc, base: string, key: number | string, entry: Uint8Array, text: Uint8Array, found: Uint8Array) {
  if (typeof key === 'number') {
    return (base === 'passwd' ? c.getpwuid_r : c.getgrgid_r)(key, entry, text, text.length, found)
  }
  const name = secondCString(key, 'getpwnam')
  return (base === 'passwd' ? c.getpwnam_r : c.getgrnam_r)(name, entry, text, text.length, found)
}

/** Lines of `name:password:id:…`. */
function lookUpInFile(base: 'passwd' | 'group', key: number | string): Account | undefined {
  for (const line of readLines(`/etc/${base}`)) {
    const [name, , id] = line.split(':')
    if (name === undefined || id === undefined || !/^\d+$/.test(id)) continue
    if (typeof key === 'number' ? Number(id) === key : name === key) return { name, id: Number(id) }
  }
  return undefined
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    // A system without this file has no names; ids are what counts.
    return []
  }
}
