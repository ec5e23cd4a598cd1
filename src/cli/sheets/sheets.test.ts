import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { parseRecoverySecret } from '../../credentials/recovery-words.ts'
import { parseShare } from '../../credentials/share.ts'
import type { Share } from '../../credentials/share.ts'
import { initHashing } from '../../crypto/hash.ts'
import { parseKeyFile } from '../../crypto/keyfile.ts'
import { requireCommand } from '../../../test/support/requirements.ts'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { qrCode, wrapText } from './sheet-parts.ts'
import { sheetPdf } from './sheet-pdf.ts'
import { sheetText } from './sheet-text.ts'
import { recoverySheet, shareSheet } from './sheet.ts'
import type { Sheet } from './sheet.ts'

await initHashing()

const SECRET = new Uint8Array(32).map((_, i) => i * 3)
const SHARE: Share = {
  set: new Uint8Array([1, 2, 3, 4]),
  threshold: 3,
  number: 2,
  value: new Uint8Array(33).map((_, i) => i * 5 + 1),
}
const FACTS = {
  repoId: new Uint8Array(16).fill(0xab),
  created: '2026-11-21 08:03:11',
  location: "/srv/Ann's (back\\up)/é",
  label: 'in the safe',
  together: false,
}
const SHEETS: Readonly<Record<string, Sheet>> = {
  recovery: recoverySheet(SECRET, FACTS),
  share: shareSheet(SHARE, { threshold: 3, count: 255 }, FACTS),
}

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${program}: ${stderr}`)
  return stdout
}

async function pdfFile(t: TestContext, name: string): Promise<string> {
  const sheet = SHEETS[name]!
  const file = join(tempFolder(t, 'sheet'), `${name}.pdf`)
  writeFileSync(file, sheetPdf(sheet, await qrCode(sheet.code)))
  return file
}

for (const [name, sheet] of Object.entries(SHEETS)) {
  test(`the PDF of a ${name} sheet has one page with everything on it`, async (t) => {
    if (!requireCommand(t, 'pdftotext') || !requireCommand(t, 'pdfinfo')) return
    const file = await pdfFile(t, name)
    const info = run('pdfinfo', file)
    assert.match(info, /^Pages: +1$/m)
    assert.match(info, /A4/)
    assert.match(info, new RegExp(`^Title: +${sheet.title}$`, 'm'))
    const text = run('pdftotext', '-layout', file, '-').replace(/\s+/g, ' ')
    for (const [i, word] of sheet.words.entries()) assert.ok(text.includes(` ${i + 1} ${word} `), `word ${i + 1}`)
    const wanted = [sheet.title, sheet.code, ...sheet.facts.flat()]
    for (const part of wanted) assert.ok(text.includes(part), `${part} in ${text}`)
    const commands = sheet.steps.flatMap((step) => (typeof step === 'string' ? [] : [step.command]))
    for (const command of commands) assert.ok(text.includes(command), command)
  })

  test(`a code reader reads the code of a printed ${name} sheet`, async (t) => {
    if (!requireCommand(t, 'pdftoppm') || !requireCommand(t, 'zbarimg')) return
    const file = await pdfFile(t, name)
    run('pdftoppm', '-r', '100', '-png', '-singlefile', file, file)
    assert.equal(run('zbarimg', '--quiet', '--raw', `${file}.png`), `${sheet.code}\n`)
  })
}

test('a sheet opens what it was made for, as text, as PDF and as what its code says', async () => {
  for (const [name, sheet] of Object.entries(SHEETS)) {
    const code = await qrCode(sheet.code)
    const pdf = Buffer.from(sheetPdf(sheet, code)).toString('latin1')
    const texts = [sheetText(sheet, code, { forTerminal: false }), pdf, sheet.code, sheet.words.join(' ')]
    for (const text of texts) {
      if (name === 'share') assert.deepEqual(parseShare(text, 'x'), SHARE)
      else assert.deepEqual(parseRecoverySecret(text, 'x'), SECRET)
    }
  }
  assert.deepEqual(parseKeyFile(Buffer.from(SHEETS['recovery']!.code), 'x'), SECRET)
})

test('a sheet as text has numbered words and a code that is black on white on a terminal', async () => {
  const sheet = SHEETS['recovery']!
  const code = await qrCode(sheet.code)
  const text = sheetText(sheet, code, { forTerminal: true })
  const numbered = [...text.matchAll(/(?:^| )(\d+) ([a-z]+)\b/gm)].slice(0, 24)
  assert.deepEqual(
    numbered.map(([, number, word]) => `${number} ${word}`),
    sheet.words.map((word, i) => `${i + 1} ${word}`),
  )
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('\x1b[30;107m') && line.endsWith('\x1b[0m'))
    .map((line) => line.slice(9, -4).split(''))
  const squares = rows.flatMap((row) => [
    row.map((c) => c === '▀' || c === '█'),
    row.map((c) => c === '▄' || c === '█'),
  ])
  assert.deepEqual(squares.slice(0, code.length), code)
  assert.ok(!sheetText(sheet, code, { forTerminal: false }).includes('\x1b'))
})

test('a place that shall not be known is not on the sheet', () => {
  const { location: _, ...facts } = FACTS
  const sheet = recoverySheet(SECRET, facts)
  assert.ok(!JSON.stringify(sheet).includes('srv'))
  assert.ok(JSON.stringify(sheet).includes('--repo PLACE'))
})

test('a sheet that is one key of several says so', () => {
  const sheet = recoverySheet(SECRET, { ...FACTS, together: true })
  assert.match(sheet.paragraphs.join(), /together with other keys/)
  assert.match(JSON.stringify(sheet.steps), / --together --recovery-words snapshots/)
})

test('what does not fit on a page is refused', async () => {
  const sheet = recoverySheet(SECRET, { ...FACTS, location: 'x'.repeat(2000) })
  const code = await qrCode(sheet.code)
  assert.throws(() => sheetPdf(sheet, code), /does not fit on one page/)
})

test('text is wrapped at spaces, and a word that is too long is cut', () => {
  assert.deepEqual(wrapText('a bc def g', 4), ['a bc', 'def', 'g'])
  assert.deepEqual(wrapText('a abcdefghi b', 4), ['a', 'abcd', 'efgh', 'i b'])
  assert.deepEqual(wrapText('', 4), [''])
})
