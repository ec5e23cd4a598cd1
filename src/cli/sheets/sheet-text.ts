// A sheet as plain text, for a terminal, a text file or a printer without graphics. The QR code is made of half blocks.
import { columnsOf, wrapText } from './sheet-parts.ts'
import type { Sheet } from './sheet.ts'

const WIDTH = 80
const COLUMNS = 4

export interface TextOptions {
  /** Black on white whatever the colours of the terminal are; code readers need that. */
  readonly forTerminal: boolean
}

/** `code` is `qrCode(sheet.code)`. */
export function sheetText(sheet: Sheet, code: readonly (readonly boolean[])[], { forTerminal }: TextOptions): string {
  const lines = [
    sheet.title,
    '='.repeat(sheet.title.length),
    '',
    ...sheet.paragraphs.flatMap((paragraph) => [...wrapText(paragraph, WIDTH), '']),
    ...sheet.facts.map(([what, value]) => `${what.padEnd(12)}${value}`),
    '',
    ...columnsOf(sheet.words, COLUMNS).map((row) =>
      row
        .map((word) => word.padEnd(18))
        .join('')
        .trimEnd(),
    ),
    '',
    ...halfBlocks(code).map((line) => (forTerminal ? `\x1b[30;107m${line}\x1b[0m` : line)),
    '',
    sheet.code,
    '',
    ...sheet.steps.flatMap((step) => (typeof step === 'string' ? wrapText(step, WIDTH) : [`    ${step.command}`])),
  ]
  return `${lines.join('\n')}\n`
}

/** Two rows of squares in each line. */
function halfBlocks(rows: readonly (readonly boolean[])[]): string[] {
  const lines: string[] = []
  for (let at = 0; at < rows.length; at += 2) {
    lines.push(rows[at]!.map((upper, i) => (upper ? '▀█' : ' ▄')[rows[at + 1]?.[i] ? 1 : 0]).join(''))
  }
  return lines
}
