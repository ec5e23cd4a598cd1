// A sheet as a PDF of one page.
import { BackupError } from '../../base/errors.ts'
import { COURIER_WIDTH, PAGE_HEIGHT, PAGE_WIDTH, PdfPage, printable } from './pdf.ts'
import { columnsOf, wrapText } from './sheet-parts.ts'
import type { Sheet } from './sheet.ts'

const MARGIN = 56
const WIDTH = PAGE_WIDTH - 2 * MARGIN
const COLUMNS = 4
const LINE = 14
/** Letters of Helvetica that fit into a line at 10 points: it is not a fixed width, so there is room to spare. */
const PARAGRAPH_LETTERS = 95
const CODE_SIZE = 170

/** `code` is `qrCode(sheet.code)`. Throws `limit` when the sheet is more than a page. */
export function sheetPdf(sheet: Sheet, code: readonly (readonly boolean[])[]): Uint8Array {
  const page = new PdfPage()
  let y = MARGIN + 20
  page.text(MARGIN, y, 20, 'Helvetica-Bold', sheet.title)
  y += 12
  page.line(MARGIN, y, WIDTH)
  y += 22
  for (const text of sheet.paragraphs) y = paragraph(page, y, text)
  y += 8
  for (const [what, value] of sheet.facts) {
    page.text(MARGIN, y, 9, 'Helvetica-Bold', what)
    for (const line of wrapText(printable(value), lettersIn(WIDTH - FACT_INDENT, 9))) {
      page.text(MARGIN + FACT_INDENT, y, 9, 'Courier', line)
      y += LINE
    }
  }
  y += LINE
  for (const row of columnsOf(sheet.words, COLUMNS)) {
    for (const [i, word] of row.entries()) page.text(MARGIN + (i * WIDTH) / COLUMNS, y, 12, 'Courier', word)
    y += 20
  }
  page.squares(MARGIN + (WIDTH - CODE_SIZE) / 2, y - 6, CODE_SIZE / code.length, code)
  y += CODE_SIZE + 8
  // One line, whatever it takes: it is found in the file by whoever gives the file itself.
  const size = Math.min(8, Math.floor((10 * WIDTH) / (sheet.code.length * COURIER_WIDTH)) / 10)
  page.text(MARGIN, y, size, 'Courier', sheet.code)
  y += 22
  for (const step of sheet.steps) {
    if (typeof step === 'string') {
      y = paragraph(page, y, step)
      continue
    }
    for (const line of wrapText(printable(step.command), lettersIn(WIDTH - STEP_INDENT, 9))) {
      page.text(MARGIN + STEP_INDENT, y, 9, 'Courier', line)
      y += LINE
    }
  }
  if (y > PAGE_HEIGHT - MARGIN / 2) {
    throw new BackupError('limit', 'this does not fit on one page', sheet.title, {
      hint: 'leave the location out, or use a shorter label',
    })
  }
  return page.finish(sheet.title)
}

const FACT_INDENT = 72
const STEP_INDENT = 14

/** The place of the next line. */
function paragraph(page: PdfPage, y: number, text: string): number {
  const lines = wrapText(text, PARAGRAPH_LETTERS)
  for (const [i, line] of lines.entries()) page.text(MARGIN, y + i * LINE, 10, 'Helvetica', line)
  return y + lines.length * LINE
}

function lettersIn(width: number, size: number): number {
  return Math.floor(width / (size * COURIER_WIDTH))
}
