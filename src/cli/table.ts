// Columns of text, aligned by the width that they take on a terminal.
import { textWidth } from './escape.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Lines of a table with its titles first; cells are escaped already. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const all = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, at) => Math.max(...all.map((row) => textWidth(row[at] ?? ''))))
  return all.map((row) => {
    const cells = columns.map(({ align }, at) => {
      const cell = row[at] ?? ''
      const padding = ' '.repeat(widths[at]! - textWidth(cell))
      return align === 'right' ? padding + cell : cell + padding
    })
    return cells.join('  ').trimEnd()
  })
}
