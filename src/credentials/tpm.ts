// Secrets that only the TPM of one machine gives back, by way of tpm2-tools (github.com/tpm2-software): sealed under the
// storage key, which a TPM makes anew from its own seed each time. Secrets pass through pipes; what tools need as files lies
// in a folder of its own and is removed.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '../base/bytes.ts'
import { BackupError, doing } from '../base/errors.ts'
import { wipe } from '../crypto/wipe.ts'
import { SLOT_SECRET_SIZE, TPM_AREA_MAX } from '../format/slot-kinds.ts'
import type { Ask } from './ask.ts'
import type { Recipient, Unlocker } from './credential.ts'
import { runProgram } from './run-program.ts'
import type { ProgramRun } from './run-program.ts'

export interface Tpm {
  /** An existing folder, best one in memory, for what the tools write. */
  readonly tempFolder: string
  /** Instead of that of this process; TPM2TOOLS_TCTI says which TPM. */
  readonly env?: NodeJS.ProcessEnv
}

/** A TPM takes as many bytes as the hash of its object has. */
const PIN_SIZE_MAX = 32

export interface NewTpmKey {
  /** For listings. */
  readonly machine: string
  /** The TPM locks itself after some wrong ones. */
  readonly pin?: string
}

/** A slot for the TPM of this machine. */
export function forTpm(tpm: Tpm, { machine, pin }: NewTpmKey): Recipient {
  if (pin !== undefined) checkPin(pin)
  return {
    kind: 'tpm',
    detail: pin === undefined ? machine : `${machine}, with a PIN`,
    wrap: (secret) =>
      inTools(tpm, async (tools) => {
        await tools.makeStorageKey()
        await tools.startSession()
        const pinFile = tools.path('pin')
        if (pin !== undefined) writeFileSync(pinFile, pin, { mode: 0o600 })
        const attributes = `fixedtpm|fixedparent|userwithauth${pin === undefined ? '|noda' : ''}`
        const auth = pin === undefined ? [] : ['-p', `file:${pinFile}`]
        const [publicFile, privateFile] = [tools.path('public'), tools.path('private')]
        const names = [
          '-C',
          tools.path('storage'),
          '-g',
          'sha256',
          '-a',
          attributes,
          '-u',
          publicFile,
          '-r',
          privateFile,
        ]
        const session = ['-P', `session:${tools.path('session')}`]
        await tools.run('sealing the secret', 'tpm2_create', [...names, ...session, '-i', '-', ...auth], secret)
        const [publicArea, privateArea] = [readArea(publicFile), readArea(privateFile)]
        return { kind: 'tpm', publicArea, privateArea, pin: pin !== undefined }
      }),
  }
}

/** Opens the slots for the TPM of this machine. Asks for a PIN where a slot has one, at most once. */
export function tpmUnlocker(tpm: Tpm, ask: Ask): Unlocker {
  let pin: Promise<string> | undefined
  let failure: unknown
  return {
    kind: 'tpm',
    description: 'the TPM of this machine',
    mayOpen: (method) => method.kind === 'tpm',
    async unwrap(method, slotName) {
      if (method.kind !== 'tpm') return null
      const { publicArea, privateArea } = method
      return inTools(tpm, async (tools) => {
        await tools.makeStorageKey()
        if (!(await tools.load(publicArea, privateArea, slotName))) return null
        // Nobody is asked for the PIN of another machine, and one that was wrong is not tried with the next slot.
        if (failure !== undefined && method.pin) throw failure
        const typed = method.pin ? utf8(await (pin ??= askPin(ask))) : undefined
        try {
          await tools.startSession()
          return await tools.unseal(typed)
        } catch (error) {
          if (typed !== undefined) failure = error
          throw error
        } finally {
          if (typed !== undefined) wipe(typed)
        }
      })
    },
  }
}

async function askPin(ask: Ask): Promise<string> {
  const typed = await ask.secret('PIN of the key in the TPM: ')
  if (typed !== null) return typed
  throw new BackupError('usage', 'the key in the TPM has a PIN and there is nobody to ask', SUBJECT, {
    hint: 'for unattended runs add a key without a PIN: `holdfast key add --tpm-key`',
  })
}

function checkPin(pin: string): void {
  const size = utf8(pin).length
  if (size === 0 || size > PIN_SIZE_MAX) {
    throw new BackupError('usage', `a PIN of ${size} bytes`, SUBJECT, { hint: `it can have 1 to ${PIN_SIZE_MAX}` })
  }
}

const SUBJECT = 'TPM'
const HINT = 'install the package tpm2-tools'
/** The template of the storage key; any other gives another key. */
const STORAGE_KEY = [
  ['-C', 'o', '-g', 'sha256', '-G', 'ecc256:aes128cfb'],
  ['-a', 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'],
].flat()

async function inTools<T>(tpm: Tpm, work: (tools: TpmTools) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tpm.tempFolder, 'holdfast-tpm-'))
  const tools = new TpmTools(folder, tpm.env)
  try {
    chmodSync(folder, 0o700)
    return await work(tools)
  } finally {
    await tools.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs of the tools that belong together. */
class TpmTools {
  readonly #folder: string
  readonly #env: NodeJS.ProcessEnv | undefined
  #hasSession = false

  constructor(folder: string, env: NodeJS.ProcessEnv | undefined) {
    this.#folder = folder
    this.#env = env
  }

  path(name: string): string {
    return join(this.#folder, name)
  }

  async makeStorageKey(): Promise<void> {
    await this.run('making the storage key', 'tpm2_createprimary', [...STORAGE_KEY, '-c', this.path('storage')])
  }

  /** What passes between processor and TPM is encrypted in a session: others may listen on the wires. */
  async startSession(): Promise<void> {
    const session = this.path('session')
    await this.run('starting a session', 'tpm2_startauthsession', [
      '--hmac-session',
      '-S',
      session,
      '-c',
      this.path('storage'),
    ])
    this.#hasSession = true
    await this.run('starting a session', 'tpm2_sessionconfig', [session, '--enable-encrypt', '--enable-decrypt'])
  }

  /** False when another TPM has sealed it, or one that was cleared since. */
  async load(publicArea: Uint8Array, privateArea: Uint8Array, slotName: string): Promise<boolean> {
    const [publicFile, privateFile] = [this.path('public'), this.path('private')]
    writeFileSync(publicFile, publicArea)
    writeFileSync(privateFile, privateArea)
    const args = ['-C', this.path('storage'), '-u', publicFile, '-r', privateFile, '-c', this.path('object')]
    const run = await this.#start('tpm2_load', args)
    if (run.code === 0) return true
    if (run.stderr.includes('integrity check failed')) return false
    // The storage key was made a moment ago, so what else is wrong is wrong with the areas.
    if (/tpm:warn|tcti/i.test(run.stderr)) throw failed('loading the sealed secret', run)
    throw new BackupError('corrupt', `the TPM does not take what is in the key slot (${said(run)})`, slotName)
  }

  async unseal(pin: Uint8Array | undefined): Promise<Uint8Array> {
    const auth = pin === undefined ? [] : ['-p', 'file:-']
    const run = await this.#start('tpm2_unseal', ['-c', this.path('object'), '-S', this.path('session'), ...auth], pin)
    if (run.code === 0) return run.stdout
    if (/HMAC check failed|authorization failure/.test(run.stderr)) {
      throw new BackupError('wrong-key', 'the PIN is wrong', SUBJECT, {
        hint: 'the TPM locks itself after a few wrong ones',
      })
    }
    throw failed('opening the sealed secret', run)
  }

  /** Throws when it fails. */
  async run(what: string, tool: string, args: readonly string[], input?: Uint8Array): Promise<void> {
    const run = await this.#start(tool, args, input)
    if (run.code !== 0) throw failed(what, run)
  }

  async end(): Promise<void> {
    if (this.#hasSession) await this.#start('tpm2_flushcontext', [this.path('session')]).catch(() => undefined)
  }

  async #start(tool: string, args: readonly string[], input?: Uint8Array): Promise<ProgramRun> {
    const run = await this.#spawn(tool, ['-Q', ...args], input)
    // Without a resource manager in between a TPM keeps what a tool leaves, and has room for three.
    await this.#spawn('tpm2_flushcontext', ['-Q', '-t']).catch(() => undefined)
    return run
  }

  #spawn(tool: string, args: readonly string[], input?: Uint8Array): Promise<ProgramRun> {
    return doing('asking the TPM', SUBJECT, () =>
      runProgram(tool, args, {
        outputMax: SLOT_SECRET_SIZE,
        hint: HINT,
        ...(input !== undefined && { input }),
        ...(this.#env !== undefined && { env: this.#env }),
      }),
    )
  }
}

function readArea(file: string): Uint8Array {
  const bytes = new Uint8Array(readFileSync(file))
  if (bytes.length > TPM_AREA_MAX) throw new BackupError('limit', `the TPM gives ${bytes.length} bytes`, SUBJECT)
  return bytes
}

function failed(what: string, run: ProgramRun): BackupError {
  const text = said(run)
  if (/DA lockout|0x921\b/i.test(text)) {
    return new BackupError('refused', 'the TPM is locked after too many wrong PINs', SUBJECT, {
      hint: 'it unlocks itself after some time, or by `tpm2_dictionarylockout --clear-lockout`',
    })
  }
  if (/Could not load tcti|Failed to open/i.test(text)) {
    return new BackupError('not-found', `there is no TPM that can be used (${text})`, SUBJECT, {
      hint: 'see that /dev/tpmrm0 is there and may be used, or set TPM2TOOLS_TCTI',
    })
  }
  return new BackupError('io', `${what} failed (${text})`, SUBJECT)
}

/** The last words of a tool; what its libraries log comes before. */
function said({ stderr, code }: ProgramRun): string {
  const lines = stderr.split('\n').filter((line) => /^ERROR: (?!Unable to run)/.test(line))
  return lines.map((line) => line.slice('ERROR: '.length)).join('; ') || `exit code ${code}`
}
