// Where Node keeps what it has compiled of the program for all that tests start: without it a start takes three times as
// long. The launcher does so too, in the user's cache. `npm test` has one folder for all test files; one that is run alone
// has its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const given = process.env['NODE_COMPILE_CACHE']

export const COMPILED = given ?? mkdtempSync(join(tmpdir(), 'holdfast-compiled-'))
if (given === undefined) process.once('exit', () => rmSync(COMPILED, { recursive: true, force: true }))
