// As much of PDF 1.4 (ISO 32000-1) as one printed page needs: text in three fonts that every reader has, and filled
// rectangles. Nothing is compressed, so a line of text can be found in the file.
import { concatBytes } from '../../base/bytes.ts'

export type Font = 'Helvetica' | 'Helvetica-Bold' | 'Courier'

const FONTS: readonly Font[] = ['Helvetica', 'Helvetica-Bold', 'Courier']
/** A4 in points of 1/72 inch. */
export const PAGE_WIDTH = 595
export const PAGE_HEIGHT = 842
/** Width of every letter of Courier, in parts of its size. */
export const COURIER_WIDTH = 0.6

/** Places are points from the top left corner. */
export class PdfPage {
  readonly #content: string[] = []

  /** `y` is the line that the letters stand on. */
  text(x: number, y: number, size: number, font: Font, text: string): void {
    const shown = `/F${FONTS.indexOf(font)} ${size} Tf ${x} ${PAGE_HEIGHT - y} Td (${escape(printable(text))}) Tj`
    this.#content.push(`BT ${shown} ET`)
  }

  /** Squares of `size` for what is true, as one shape, so that no reader shows seams between them. */
  squares(x: number, y: number, size: number, rows: readonly (readonly boolean[])[]): void {
    for (const [i, row] of rows.entries()) {
      for (let from = row.indexOf(true); from !== -1; from = row.indexOf(true, from)) {
        const end = row.indexOf(false, from)
        const to = end === -1 ? row.length : end
        const place = [x + from * size, PAGE_HEIGHT - y - (i + 1) * size, (to - from) * size, size]
        this.#content.push(`${place.map(short).join(' ')} re`)
        from = to
      }
    }
    this.#content.push('f')
  }

  line(x: number, y: number, width: number): void {
    this.#content.push(`0.5 w ${x} ${PAGE_HEIGHT - y} m ${x + width} ${PAGE_HEIGHT - y} l S`)
  }

  /** The whole file. */
  finish(title: string): Uint8Array {
    const content = this.#content.join('\n')
    const fonts = FONTS.map((_, i) => `/F${i} ${FIRST_FONT + i} 0 R`).join(' ')
    const objects = [
      '<< /Type /Catalog /Pages 2 0 R >>',
      '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${PAGE_WIDTH} ${PAGE_HEIGHT}] /Contents 4 0 R /Resources << /Font << ${fonts} >> >> >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
      `<< /Title (${escape(printable(title))}) >>`,
      ...FONTS.map((font) => `<< /Type /Font /Subtype /Type1 /BaseFont /${font} /Encoding /WinAnsiEncoding >>`),
    ]
    const parts = ['%PDF-1.4\n%\xe2\xe3\xcf\xd3\n']
    const offsets: number[] = []
    let length = parts[0]!.length
    const add = (part: string) => {
      parts.push(part)
      length += part.length
    }
    for (const [i, object] of objects.entries()) {
      offsets.push(length)
      add(`${i + 1} 0 obj\n${object}\nendobj\n`)
    }
    const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
    const size = objects.length + 1
    add(
      `xref\n0 ${size}\n0000000000 65535 f \n${table}trailer\n<< /Size ${size} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${length}\n%%EOF\n`,
    )
    return concatBytes(parts.map((part) => Buffer.from(part, 'latin1')))
  }
}

const FIRST_FONT = 6

/** Latin-1, as the fonts have it; any other letter is named by its number. Longer than the text, so best done before it is wrapped. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\xa0-\xff]/gu, (letter) => `<U+${letter.codePointAt(0)!.toString(16).toUpperCase()}>`)
}

function escape(text: string): string {
  return text.replace(/[\\()]/g, '\\$&')
}

function short(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}
