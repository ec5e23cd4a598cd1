// Names that text functions, terminals and path limits trip over.
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs'

const NAME_MAX = 255

/** Names as bytes, one character a byte. */
const STRANGE = [
  ' ',
  '  leading and trailing  ',
  '-rf',
  '--help',
  '...',
  '..a',
  '.hidden',
  '~',
  '*',
  '?[a-z]{b,c}',
  '$(reboot)',
  '`reboot`',
  '"quoted" \'twice\'',
  'back\\slash',
  'C:\\path',
  'new\nline',
  '\n',
  'carriage\rreturn',
  'tab\ttab',
  '\x1b[2J\x1b[31mred\x1b]0;title\x07',
  'bell\x07',
  'delete\x7f',
  '\xc2\x9b31m', // C1 control sequence introducer in UTF-8
  '\xe2\x80\xaetxt.exe', // right-to-left override
  '\xc3\xa9', // e acute, one code point
  'e\xcc\x81', // and two
  '\xe5\xa5\xbd', // 好
  '\xf0\x9f\x93\xa6', // a code point beyond the first plane
  '\xff',
  '\xc3', // begins a sequence and ends
  '\xa9', // continues nothing
  '\xc0\xaf', // overlong slash
  '\xed\xa0\x80', // surrogate
  '\xf5\x80\x80\x80', // beyond Unicode
  '\xef\xbf\xbd', // what decoders put in place of all of these
  'con',
  'nul.txt',
  'trailing.',
  'a'.repeat(NAME_MAX),
  '\xfe'.repeat(NAME_MAX),
  '\xe5\xa5\xbd'.repeat(NAME_MAX / 3),
]

export function makeNames(folder: string): void {
  for (const [index, name] of STRANGE.entries()) {
    writeFileSync(rawPath(folder, name), `content ${index}`)
    const inFolder = rawPath(folder, 'folders')
    if (index === 0) mkdirSync(inFolder)
    mkdirSync(rawPath(`${folder}/folders`, name))
    writeFileSync(rawPath(`${folder}/folders/${name}`, name), '')
  }
  // Every byte a name can be made of.
  mkdirSync(rawPath(folder, 'bytes'))
  for (let byte = 1; byte < 256; byte++) {
    const name = String.fromCharCode(byte)
    if (name !== '/' && name !== '.') writeFileSync(rawPath(`${folder}/bytes`, name), name)
  }
}

/** A folder whose path is longer than the system accepts in one call (4,096 bytes), with files in it. */
export function makeDeepPath(folder: string): void {
  let fd = openSync(folder, constants.O_DIRECTORY)
  for (let depth = 0; depth < 20; depth++) {
    const name = String(depth).padEnd(NAME_MAX, depth % 2 === 0 ? 'd' : '\xe9')
    const here = `/proc/self/fd/${fd}`
    mkdirSync(rawPath(here, name))
    writeFileSync(rawPath(here, `file-${depth}`), `at depth ${depth}`)
    const next = openSync(rawPath(here, name), constants.O_DIRECTORY)
    closeSync(fd)
    fd = next
  }
  writeFileSync(`/proc/self/fd/${fd}/bottom`, Buffer.alloc(100_000, 'deep '))
  closeSync(fd)
  // Many short parts instead of a few long ones.
  mkdirSync(`${folder}/${'s/'.repeat(300)}`, { recursive: true })
  writeFileSync(`${folder}/${'s/'.repeat(300)}file`, 'at depth 300')
}

export function makeManyEntries(folder: string, count: number): void {
  const prefix = Buffer.from(`${folder}/`)
  for (let n = 0; n < count; n++) {
    const name = `${(Math.imul(n, 2_654_435_761) >>> 0).toString(16)}-${n}`
    writeFileSync(Buffer.concat([prefix, Buffer.from(name)]), n % 3 === 0 ? '' : `${n}`)
  }
}

/** A path from text that has one character a byte. */
export function rawPath(folder: string, name: string): Buffer {
  return Buffer.from(`${folder}/${name}`, 'latin1')
}
