// How an entry of a snapshot looks: a line for people, an object for programs.
import type { Entry } from '../format/entry-model.ts'
import { TROUBLE } from '../format/entry-model.ts'
import { escapeName, escapeText } from './escape.ts'
import { jsonName, jsonTime, type JsonRecord } from './json-lines.ts'
import { formatLocalTime, formatMode } from './units.ts'

const MARKS: Partial<Record<Entry['kind'], string>> = { directory: '/' }

/** One line, as `ls` and `ls -l` have it. */
export function entryLine(path: Uint8Array, entry: Entry, long: boolean, lacks = false): string {
  const name = escapeName(path) + (path.at(-1) === 0x2f ? '' : (MARKS[entry.kind] ?? ''))
  const lost = lacks ? ' [content lost]' : ''
  if (!long) return `${name}${lost}`
  const owner = escapeText(`${entry.user ?? entry.uid}:${entry.group ?? entry.gid}`).padEnd(13)
  const size = sizeText(entry).padStart(12)
  const target = entry.target === undefined ? '' : ` -> ${escapeName(entry.target)}`
  return `${formatMode(entry.kind, entry.mode)} ${owner} ${size} ${formatLocalTime(entry.mtime)} ${name}${target}${troubleText(entry)}${lost}`
}

function sizeText({ device, size }: Entry): string {
  if (device !== undefined) return `${device.major}, ${device.minor}`
  return size === undefined ? '-' : String(size)
}

function troubleText({ trouble = [] }: Entry): string {
  const words = troubleWords(trouble)
  return words.length === 0 ? '' : ` [${words.join(', ')}]`
}

const TROUBLE_WORDS = new Map<number, string>([
  [TROUBLE.content, 'not read'],
  [TROUBLE.changed, 'changed while read'],
  [TROUBLE.attributes, 'attributes not read'],
  [TROUBLE.listing, 'not listed'],
])

function troubleWords(codes: readonly number[]): string[] {
  return codes.map((code) => TROUBLE_WORDS.get(code) ?? `trouble ${code}`)
}

/** The fields of docs/json.md, "Entries". */
export function entryRecord(type: string, path: Uint8Array, entry: Entry, lacks = false): JsonRecord {
  return { type, ...jsonName(path), ...entryFields(entry), ...(lacks && { lacks }) }
}

export function entryFields(entry: Entry): Omit<JsonRecord, 'type'> {
  return {
    kind: entry.kind,
    mode: entry.mode.toString(8).padStart(4, '0'),
    uid: entry.uid,
    gid: entry.gid,
    user: entry.user,
    group: entry.group,
    size: entry.size,
    mtime: jsonTime(entry.mtime),
    ctime: jsonTime(entry.ctime),
    btime: jsonTime(entry.btime),
    inode: entry.ino.toString(),
    links: entry.links,
    device: entry.device === undefined ? undefined : `${entry.device.major}:${entry.device.minor}`,
    flags: entry.flags,
    ...(entry.target === undefined ? {} : jsonName(entry.target, 'target')),
    xattrs: entry.xattrs?.map(({ name, value }) => ({
      ...jsonName(name, 'name'),
      size: value instanceof Uint8Array ? value.length : value.length,
    })),
    trouble: entry.trouble === undefined ? undefined : troubleWords(entry.trouble),
  }
}
