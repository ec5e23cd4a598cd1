// What both forms of a sheet are made of.

/** Squares of a QR code with the quiet zone around it; true is dark. A quarter of it may be lost. */
export async function qrCode(text: string): Promise<boolean[][]> {
  const { encodeQR } = await import('qr')
  return encodeQR(text, 'raw', { ecc: 'quartile', border: 4 })
}

/** Numbered words in rows: ` 1 abandon`. */
export function columnsOf(words: readonly string[], columns: number): string[][] {
  const rows: string[][] = []
  for (let at = 0; at < words.length; at += columns) {
    rows.push(words.slice(at, at + columns).map((word, i) => `${String(at + i + 1).padStart(2)} ${word}`))
  }
  return rows
}

/** At spaces, where there are any; a word that is too long for a line is cut. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').flatMap((whole) => whole.match(new RegExp(`.{1,${width}}`, 'gu')) ?? [''])) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
