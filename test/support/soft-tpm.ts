// A TPM in software (swtpm), one for each that is asked for.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import type { Tpm } from '../../src/credentials/tpm.ts'
import { requireCommand } from './requirements.ts'
import { tempFolder } from './temp-folder.ts'

const WAIT_MS = 10_000

/** Null when something is missing: return from the test then. `wrongPins`: how many it takes before it locks itself. */
export async function softTpm(t: TestContext, { wrongPins = 30 } = {}): Promise<Required<Tpm> | null> {
  if (!requireCommand(t, 'swtpm') || !requireCommand(t, 'tpm2_create')) return null
  const folder = tempFolder(t, 'tpm')
  const socket = join(folder, 's')
  const state = ['--tpmstate', `dir=${folder}`, '--flags', 'not-need-init,startup-clear']
  const sockets = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`]
  const child = spawn('swtpm', ['socket', '--tpm2', ...state, ...sockets], { stdio: 'ignore' })
  t.after(() => child.kill())
  for (const until = Date.now() + WAIT_MS; !existsSync(`${socket}.ctrl`); await setTimeout(10)) {
    if (Date.now() > until) throw new Error('swtpm does not start')
  }
  const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${socket}` }
  const args = ['-s', '-n', String(wrongPins), '-t', '1000', '-l', '1000']
  const { status, stderr } = spawnSync('tpm2_dictionarylockout', args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return { tempFolder: folder, env }
}
