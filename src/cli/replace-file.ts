// A file that is there whole or as it was before, whatever happens on the way.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file in the place of what has its name; it survives a power cut, unless it is not `lasting`. Throws the system's
 * error.
 */
export function replaceFile(
  file: string,
  content: Uint8Array | string,
  mode: number,
  { lasting = true }: { readonly lasting?: boolean } = {},
): void {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    const fd = openSync(temporary, 'w', mode)
    try {
      writeFileSync(fd, content)
      if (lasting) fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, file)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw cause
  }
  if (!lasting) return
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
