// A GnuPG of its own for a test, in a folder with a short path: the agent's socket is in it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { requireCommand } from './requirements.ts'

export class GnupgHome {
  readonly env: NodeJS.ProcessEnv

  private constructor(folder: string) {
    this.env = { ...process.env, GNUPGHOME: folder }
  }

  /** Null when GnuPG is missing: return from the test then. */
  static create(t: TestContext): GnupgHome | null {
    if (!requireCommand(t, 'gpg') || !requireCommand(t, 'gpgconf')) return null
    const folder = mkdtempSync(join(tmpdir(), 'hf-gpg-'))
    const home = new GnupgHome(folder)
    t.after(() => {
      spawnSync('gpgconf', ['--kill', 'all'], { env: home.env })
      rmSync(folder, { recursive: true, force: true })
    })
    return home
  }

  /** A new key pair without a passphrase. */
  newKey(userId: string): void {
    this.run(['--passphrase', '', '--quick-generate-key', userId, 'future-default', 'default', 'never'])
  }

  /** Standard output; throws when gpg fails. */
  run(args: readonly string[], input?: Uint8Array | string): Uint8Array {
    const run = spawnSync('gpg', ['--batch', '--quiet', ...args], { env: this.env, input })
    if (run.status !== 0) throw new Error(`gpg ${args.join(' ')}: ${run.stderr.toString()}`)
    return new Uint8Array(run.stdout)
  }
}
