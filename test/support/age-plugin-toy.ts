// A plugin of age for tests: `age-plugin-toy`. Its secret is in the program, so nothing is safe with it. An identity has
// one byte of bits that say what it wants of the person first: 1 a message, 2 a PIN (1234), 4 a confirmation, 8 a text
// (`toy`), 16 that it fails, 32 that it dies.
import { createHash } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const WANTS = { message: 1, pin: 2, confirmation: 4, text: 8, failure: 16, death: 32 } as const

/** Puts the program into a folder, which then belongs on PATH. */
export function installToyPlugin(folder: string): void {
  const program = join(folder, 'age-plugin-toy')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${import.meta.filename}' "$@"\n`)
  chmodSync(program, 0o755)
}

export function toyRecipient(): string {
  return bech32('age1toy', [7])
}

export function toyIdentity(wants = 0): string {
  return bech32('age-plugin-toy-', [wants]).toUpperCase()
}

interface Command {
  readonly args: readonly string[]
  readonly body: Buffer
}

const input = () => process.stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>
let lines: AsyncIterator<Buffer> | undefined
let buffered = ''

async function line(): Promise<string> {
  while (!buffered.includes('\n')) {
    const { value, done } = await (lines ??= input()).next()
    if (done === true) process.exit(1)
    buffered += value.toString('latin1')
  }
  const end = buffered.indexOf('\n')
  const next = buffered.slice(0, end)
  buffered = buffered.slice(end + 1)
  return next
}

async function receive(): Promise<Command> {
  const args = (await line()).split(' ').slice(1)
  const parts: string[] = []
  do parts.push(await line())
  while (parts.at(-1)!.length === 64)
  return { args, body: Buffer.from(parts.join(''), 'base64') }
}

function send(args: readonly string[], body: Buffer = Buffer.alloc(0)): void {
  const encoded = unpadded(body)
  process.stdout.write(`-> ${args.join(' ')}\n`)
  for (let at = 0; at <= encoded.length; at += 64) process.stdout.write(`${encoded.slice(at, at + 64)}\n`)
}

async function demand(args: readonly string[], body = ''): Promise<Command> {
  send(args, Buffer.from(body))
  return receive()
}

async function firstPhase(): Promise<Command[]> {
  const commands: Command[] = []
  for (;;) {
    const command = await receive()
    if (command.args[0] === 'done') return commands
    commands.push(command)
  }
}

async function wrap(): Promise<void> {
  const commands = await firstPhase()
  const fileKey = commands.find(({ args }) => args[0] === 'wrap-file-key')!.body
  const recipients = commands.filter(({ args }) => args[0] === 'add-recipient')
  await demand(['grease-a9b', 'x'], 'what nobody knows')
  for (const { args } of recipients) {
    if (args[1] !== toyRecipient()) await demand(['error', 'recipient', '0'], 'not a toy')
    else {
      const salt = createHash('sha256').update(fileKey).digest().subarray(0, 8)
      send(['recipient-stanza', '0', 'toy', unpadded(salt)], mask(fileKey, salt))
      await receive()
    }
  }
  send(['done'])
}

async function unwrap(): Promise<void> {
  const commands = await firstPhase()
  const identity = commands.find(({ args }) => args[0] === 'add-identity')!.args[1]!
  const stanza = commands.find(({ args }) => args[0] === 'recipient-stanza' && args[2] === 'toy')
  const wants = Array.from({ length: 64 }, (_, bits) => bits).find((bits) => toyIdentity(bits) === identity) ?? 0
  const answers: boolean[] = []
  if (stanza === undefined) return send(['done'])
  if (wants & WANTS.death) {
    process.stderr.write('the toy is broken\n')
    process.exit(3)
  }
  if (wants & WANTS.failure) await demand(['error', 'identity', '0'], 'the toy is not plugged in')
  if (wants & WANTS.message) answers.push((await demand(['msg'], 'touch the toy')).args[0] === 'ok')
  if (wants & WANTS.pin) answers.push((await demand(['request-secret'], 'PIN of the toy')).body.toString() === '1234')
  if (wants & WANTS.text) answers.push((await demand(['request-public'], 'name of the toy')).body.toString() === 'toy')
  if (wants & WANTS.confirmation) {
    const options = ['Play', 'Stop'].map((text) => unpadded(Buffer.from(text)))
    answers.push((await demand(['confirm', ...options], 'play with it?')).args[1] === 'yes')
  }
  if (answers.every((good) => good) && !(wants & WANTS.failure)) {
    await demandBytes(['file-key', '0'], mask(stanza.body, Buffer.from(stanza.args[3]!, 'base64')))
  }
  send(['done'])
}

async function demandBytes(args: readonly string[], body: Buffer): Promise<void> {
  send(args, body)
  await receive()
}

function mask(bytes: Buffer, salt: Buffer): Buffer {
  const pad = createHash('sha256').update('toy').update(salt).digest()
  return Buffer.from(bytes.map((byte, i) => byte ^ pad[i]!))
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/** BIP 173; bytes below 32 each, which are taken as bytes of eight bits. */
function bech32(prefix: string, bytes: readonly number[]): string {
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const values = (bits.match(/.{1,5}/g) ?? []).map((five) => Number.parseInt(five.padEnd(5, '0'), 2))
  const spread = [...prefix].map((c) => c.charCodeAt(0))
  const expanded = [...spread.map((code) => code >> 5), 0, ...spread.map((code) => code & 31)]
  const checked = polymod([...expanded, ...values, 0, 0, 0, 0, 0, 0]) ^ 1
  const checksum = [5, 4, 3, 2, 1, 0].map((i) => (checked >> (5 * i)) & 31)
  return `${prefix}1${[...values, ...checksum].map((value) => 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'[value]).join('')}`
}

function polymod(values: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    generator.forEach((g, i) => {
      if ((top >> i) & 1) sum ^= g
    })
  }
  return sum
}

if (import.meta.main) {
  const machine = process.argv.find((argument) => argument.startsWith('--age-plugin='))
  if (machine === '--age-plugin=recipient-v1') await wrap()
  else if (machine === '--age-plugin=identity-v1') await unwrap()
  else process.exitCode = 2
  process.stdin.destroy()
}
