// Tokens of SoftHSM, a real PKCS#11 library that keeps its tokens in files. It reads its configuration when it is first
// used in a process, so all tokens of a test file are in one folder and are made before.
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { missing, requireCommand } from './requirements.ts'

const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
]

export const PIN = '123456'

export interface NewTokenKey {
  readonly label: string
  /** Hex. */
  readonly id: string
  readonly bits?: number
}

/** The library, with these tokens and their keys in SOFTHSM2_CONF of this process; null when SoftHSM is missing. */
export function softHsm(t: TestContext, tokens: Readonly<Record<string, readonly NewTokenKey[]>>): string | null {
  if (!requireCommand(t, 'softhsm2-util')) return null
  const module = MODULES.find((path) => existsSync(path))
  if (module === undefined) {
    missing(t, 'the library of SoftHSM')
    return null
  }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-softhsm-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'tokens'))
  const configuration = join(folder, 'softhsm2.conf')
  writeFileSync(
    configuration,
    `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  process.env['SOFTHSM2_CONF'] = configuration
  for (const [token, keys] of Object.entries(tokens)) {
    run('--init-token', '--free', '--label', token, '--pin', PIN, '--so-pin', '12345678')
    for (const { label, id, bits = 2048 } of keys) {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits })
      const file = join(folder, 'key.pem')
      writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
      run('--import', file, '--token', token, '--label', label, '--id', id, '--pin', PIN)
    }
  }
  return module
}

function run(...args: string[]): void {
  const { status, stderr } = spawnSync('softhsm2-util', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`softhsm2-util ${args.join(' ')}: ${stderr}`)
}
