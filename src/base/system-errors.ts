// Names and texts of the system's errors, by number. Node takes both from libuv, which does not know all of them and
// describes some by the one place where it met them.
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/** Where Node has no text, or one that is true of sockets alone. */
const TEXTS: Readonly<Record<string, string>> = {
  ENOTSUP: 'operation not supported',
  EDQUOT: 'disk quota exceeded',
  ESTALE: 'stale file handle',
  ENOLCK: 'no locks available',
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
)

/** `ENOENT` and so on; `E` and the number when the error has no name here. `errno` is positive. */
export function systemErrorName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? NAMES.get(errno) ?? `E${errno}`
}

/** `ENOENT: no such file or directory` and so on. `errno` is positive. */
export function systemErrorText(errno: number): string {
  const name = systemErrorName(errno)
  return `${name}: ${TEXTS[name] ?? getSystemErrorMap().get(-errno)?.[1] ?? 'system error'}`
}

/** The message of an error that Node made for `errno` (positive), beginning as systemErrorText has it. */
export function correctedMessage(message: string, errno: number): string {
  return message.replace(NODE_TEXT, () => systemErrorText(errno))
}

/** Whether Node had no name for an error, so that its number alone tells. */
export function isUnnamed(code: string): boolean {
  return UNNAMED.test(code)
}

// Synchronous calls of node:fs say the first for some of their errors, all others the second.
const UNNAMED = /^(?:UNKNOWN|Unknown system error -\d+)$/
const NODE_TEXT =
  /^(?:UNKNOWN: unknown error|(Unknown system error -\d+): \1|ENOTSUP: operation not supported on socket)(?=$|,)/
