// Age slots against what other programs made, and against what a hostile store makes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption'
import type { Identity } from 'age-encryption'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import { AGE_STANZAS_MAX, slotStanzas } from '../../src/credentials/age-header.ts'
import type { AgeStanza } from '../../src/credentials/age-header.ts'
import { parseIdentityFile } from '../../src/credentials/age-identity.ts'
import { forAgeRecipients, parseAgeRecipient, parseAgeRecipients } from '../../src/credentials/age-recipient.ts'
import { ageUnlocker } from '../../src/credentials/age-unlocker.ts'
import { slotWords } from '../../src/credentials/slot-words.ts'
import { AGE_HEADER_MAX } from '../../src/format/slot-kinds.ts'
import type { SlotMethod } from '../../src/format/slot-kinds.ts'
import { asking } from '../support/asking.ts'
import { bytesOfHex, wrappedSecrets } from '../support/wrapped-secrets.ts'

const { secret, age } = wrappedSecrets()
const PASSPHRASE = 'correct horse'

function isError(code: string, message: RegExp, subject = 'keys/x') {
  return (error: unknown) => {
    assert.ok(error instanceof BackupError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.equal(error.subject, subject)
    return true
  }
}

async function unlocker(identity: string, ...answers: (string | null)[]) {
  const ask = asking(...answers)
  return { ask, ...ageUnlocker(await parseIdentityFile(utf8(identity), 'id', { ask }), 'the identity id') }
}

async function slotFor(...recipients: string[]): Promise<Extract<SlotMethod, { kind: 'age' }>> {
  const parsed = await Promise.all(recipients.map((text) => parseAgeRecipient(text, 'flag', { ask: asking() })))
  const method = await forAgeRecipients(parsed).wrap(bytesOfHex(secret), secureRandom)
  assert.ok(method.kind === 'age')
  return method
}

for (const { name, file, recipient, identity, passphrase } of age) {
  test(`${name} opens what age has made, and what is made for it here`, async () => {
    const { unwrap, mayOpen, ask } = await unlocker(identity, passphrase ?? null)
    const own = await slotFor(recipient)
    for (const method of [{ kind: 'age', file: bytesOfHex(file) } as const, own]) {
      assert.ok(mayOpen(method))
      assert.equal(toHex((await unwrap(method, 'keys/x'))!), secret)
    }
    assert.equal(ask.heard.length, passphrase === undefined ? 0 : 1, 'the passphrase is asked for once')
  })
}

test('a key for SSH is known by its tag: its passphrase is not asked for a slot of somebody else', async () => {
  const encrypted = age.find(({ name }) => name.includes('aes256-ctr'))!
  const { mayOpen, unwrap, ask } = await unlocker(encrypted.identity, PASSPHRASE)
  const other = await slotFor(age.find(({ name }) => name === 'an ssh-ed25519 key')!.recipient)
  assert.equal(mayOpen(other), false)
  assert.equal(await unwrap(other, 'keys/x'), null)
  assert.deepEqual(ask.heard, [])
})

test('a wrong passphrase may be typed three times; nobody to ask is said as it is', async () => {
  const { identity, file } = age.find(({ name }) => name.includes('PEM under'))!
  const method: SlotMethod = { kind: 'age', file: bytesOfHex(file) }
  const late = await unlocker(identity, 'a', 'b', PASSPHRASE)
  assert.equal(toHex((await late.unwrap(method, 'keys/x'))!), secret)
  const wrong = await unlocker(identity, 'a', 'b', 'c', PASSPHRASE)
  await assert.rejects(wrong.unwrap(method, 'keys/x'), isError('wrong-key', /passphrase/, 'id'))
  await assert.rejects(wrong.unwrap(method, 'keys/y'), isError('wrong-key', /passphrase/, 'id'))
  assert.equal(wrong.ask.heard.length, 5, 'three questions for all slots, and two answers to wrong ones')
  const nobody = await unlocker(identity)
  await assert.rejects(nobody.unwrap(method, 'keys/x'), isError('usage', /nobody to ask/, 'id'))
})

test('a slot for several recipients opens for each of them alone, post-quantum ones too', async () => {
  const identities = [await generateX25519Identity(), await generateHybridIdentity()]
  const ssh = age.find(({ name }) => name === 'an ssh-rsa key')!
  const method = await slotFor(...(await Promise.all(identities.map(identityToRecipient))), ssh.recipient)
  for (const identity of [...identities, ssh.identity]) {
    assert.equal(toHex((await (await unlocker(identity)).unwrap(method, 'keys/x'))!), secret)
  }
  assert.equal(await (await unlocker(await generateX25519Identity())).unwrap(method, 'keys/x'), null)
})

test('an identity file may have comments, several identities, and be encrypted with a passphrase', async () => {
  const [mine, other] = [await generateX25519Identity(), await generateX25519Identity()]
  const method = await slotFor(await identityToRecipient(mine))
  const content = `# created: today\n\n${other}\r\n${mine}\n`
  assert.equal(toHex((await (await unlocker(content)).unwrap(method, 'keys/x'))!), secret)
  const sealer = new Encrypter()
  sealer.setPassphrase(PASSPHRASE)
  sealer.setScryptWorkFactor(10)
  const ask = asking('wrong', PASSPHRASE)
  const identities = await parseIdentityFile(await sealer.encrypt(content), 'id.age', { ask })
  assert.equal(toHex((await ageUnlocker(identities, 'x').unwrap(method, 'keys/x'))!), secret)
  assert.deepEqual(ask.heard, [
    'Passphrase for id.age: ',
    'This passphrase does not open it.',
    'Passphrase for id.age: ',
  ])
})

test('a file of recipients has one on each line, and an error names the line', async () => {
  const native = age[0]!.recipient
  const found = await parseAgeRecipients(`# ann\n${native}\n\n${age[1]!.recipient}`, 'file', { ask: asking() })
  assert.match(forAgeRecipients(found).detail, new RegExp(`^${native}\nssh-ed25519 SHA256:[\\w+/]{43} vectors$`))
  const mistyped = native.replace(/.$/, (last) => (last === 'q' ? 'p' : 'q'))
  await assert.rejects(
    parseAgeRecipients(`${native}\n${mistyped}`, 'file', { ask: asking() }),
    isError('usage', /no recipient of age/, 'file, line 2'),
  )
  await assert.rejects(
    parseAgeRecipients('# nobody\n', 'file', { ask: asking() }),
    isError('usage', /no recipient/, 'file'),
  )
})

test('what cannot be used is refused with what to do, and without showing a secret', async () => {
  const parse = (text: string) => parseAgeRecipient(text, 'flag', { ask: asking() })
  await assert.rejects(
    parse('sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t'),
    isError('usage', /security key/, 'flag'),
  )
  await assert.rejects(parse('ssh-ed25519 AAAA'), isError('corrupt', /ends early/, 'flag'))
  await assert.rejects(parse('nonsense'), isError('usage', /no recipient/, 'flag'))
  for (const recipient of ['ssh-ed25519 AAAA me@here', 'age1qqqqqq']) {
    await assert.rejects(
      unlocker(recipient),
      isError('usage', /this is a public key; only the private one/, 'id, line 1'),
    )
  }
  const identity = (await generateX25519Identity()).replace(/.$/, 'B')
  await assert.rejects(unlocker(identity), (error: unknown) => {
    assert.ok(isError('usage', /no identity of age/, 'id, line 1')(error))
    assert.ok(!String((error as Error).stack).includes(identity.slice(20, 40)))
    return true
  })
})

test('a damaged age file is an error that names the slot, whichever byte it is', async () => {
  const { file, identity } = age[1]!
  const { unwrap } = await unlocker(identity)
  const bytes = bytesOfHex(file)
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Uint8Array.from(bytes)
    damaged[at]! ^= 1
    let opened: Uint8Array | null = null
    try {
      opened = await unwrap({ kind: 'age', file: damaged }, 'keys/x')
    } catch (error) {
      assert.ok(error instanceof BackupError && error.subject === 'keys/x', `byte ${at}: ${String(error)}`)
      assert.ok(['corrupt', 'limit'].includes(error.code))
    }
    assert.equal(opened, null, `byte ${at} does not count`)
  }
})

const payload = new Uint8Array(64)
const withHeader = (header: string) => new Uint8Array(Buffer.concat([Buffer.from(header), payload]))
const mac = `--- ${'A'.repeat(43)}\n`
const stanza = `-> X25519 ${'A'.repeat(43)}\n${'A'.repeat(43)}\n`

test('more recipients than a reader takes are refused before a key is made', async () => {
  const recipient = await parseAgeRecipient(age[0]!.recipient, 'flag', { ask: asking() })
  const many = (count: number) => Array<typeof recipient>(count).fill(recipient)
  assert.throws(() => forAgeRecipients(many(AGE_STANZAS_MAX + 1)), isError('limit', /too many/, 'recipients'))
  await forAgeRecipients(many(AGE_STANZAS_MAX)).wrap(bytesOfHex(secret), secureRandom)
})

test('a hostile age file is refused before anything is computed', async () => {
  const { unwrap } = await unlocker(await generateX25519Identity())
  const version = 'age-encryption.org/v1\n'
  const cases: [string, Uint8Array, string, RegExp][] = [
    ['many stanzas', withHeader(version + stanza.repeat(AGE_STANZAS_MAX + 1) + mac), 'limit', /65 recipients/],
    ['a giant header', withHeader(`${version}-> x ${'y'.repeat(AGE_HEADER_MAX)}\n\n${mac}`), 'corrupt', /header of/],
    [
      'a work factor of 2^30',
      withHeader(`${version}-> scrypt ${'A'.repeat(22)} 30\n${'A'.repeat(43)}\n${mac}`),
      'limit',
      /passphrase/,
    ],
    ['another version', withHeader(`age-encryption.org/v2\n${stanza}${mac}`), 'corrupt', /version 1/],
    ['no end', new TextEncoder().encode(version + stanza), 'corrupt', /no header that ends/],
    ['nothing', new Uint8Array(), 'corrupt', /no header that ends/],
    ['a longer secret', new Uint8Array([...withHeader(version + stanza + mac), 1]), 'corrupt', /65 bytes/],
    ['an argument with a control character', withHeader(`${version}-> a\tb\n\n${mac}`), 'corrupt', /begins wrongly/],
    ['a body that is no base64', withHeader(`${version}-> a\n!!!!\n${mac}`), 'corrupt', /base64/],
    ['a body without a short line', withHeader(`${version}-> a\n${'A'.repeat(64)}\n${mac}`), 'corrupt', /base64/],
  ]
  for (const [name, file, code, message] of cases) {
    const begin = performance.now()
    await assert.rejects(unwrap({ kind: 'age', file }, 'keys/x'), isError(code, message), name)
    assert.ok(performance.now() - begin < 1000, `${name} takes long`)
  }
})

test('an identity file that asks for too much is refused', async () => {
  const header = `age-encryption.org/v1\n-> scrypt ${'A'.repeat(22)} 30\n${'A'.repeat(43)}\n${mac}`
  const ask = asking(PASSPHRASE)
  const identities = await parseIdentityFile(withHeader(header), 'id.age', { ask })
  const { file } = age[0]!
  await assert.rejects(
    ageUnlocker(identities, 'x').unwrap({ kind: 'age', file: bytesOfHex(file) }, 'keys/x'),
    isError('limit', /2\^30/, 'id.age'),
  )
})

test('what is bounded here is what the library reads: both see the same stanzas', async () => {
  const native = age[0]!
  const both = await slotFor(native.recipient, age[1]!.recipient)
  for (const file of [both.file, bytesOfHex(native.file)]) {
    const end = file.length - 64
    for (let at = 0; at < end; at++) {
      for (const byte of [0x0a, 0x20, 0x2d, 0x41, file[at]! ^ 1]) {
        const changed = Uint8Array.from(file)
        changed[at] = byte
        let own: readonly AgeStanza[]
        try {
          own = slotStanzas(changed, 'keys/x')
        } catch (error) {
          assert.ok(error instanceof BackupError)
          continue
        }
        const seen = await libraryStanzas(changed)
        if (seen !== null) assert.deepEqual(seen, own, `byte ${at} as ${byte}`)
      }
    }
  }
})

/** What the library gives to an identity of ours; null when it refuses the file by itself. */
async function libraryStanzas(file: Uint8Array): Promise<AgeStanza[] | null> {
  let seen: AgeStanza[] | null = null
  const decrypter = new Decrypter()
  const identity: Identity = {
    unwrapFileKey: (stanzas) => {
      seen = stanzas.map(({ args, body }) => ({ args, body: new Uint8Array(body) }))
      return null
    },
  }
  decrypter.addIdentity(identity)
  await assert.rejects(decrypter.decrypt(file))
  return seen
}

test('a slot that is for SSH keys alone says so and of which type', async () => {
  const ofType = (type: string) => age.find(({ recipient }) => recipient.startsWith(type))!.recipient
  const [ed25519, rsa, x25519] = [ofType('ssh-ed25519 '), ofType('ssh-rsa '), ofType('age1')]
  const cases: [string[], string][] = [
    [[ed25519], 'ssh-ed25519 key'],
    [[rsa, rsa], 'ssh-rsa key'],
    [[rsa, ed25519], 'ssh-ed25519 or ssh-rsa key'],
    [[ed25519, x25519], 'age identity'],
  ]
  for (const [recipients, words] of cases) assert.equal(slotWords(await slotFor(...recipients), 'keys/x'), words)
  const { file } = await slotFor(ed25519)
  assert.equal(slotWords({ kind: 'age', file: file.subarray(0, 60) }, 'keys/x'), 'age identity', 'a damaged one')
})
