// Where Node keeps what it has compiled of the program for all that one test file starts: without it a start takes three times
// as long. The launcher does so too, in the user's cache.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const COMPILED = mkdtempSync(join(tmpdir(), 'holdfast-compiled-'))
process.once('exit', () => rmSync(COMPILED, { recursive: true, force: true }))
