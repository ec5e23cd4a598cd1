// `--help`: usage, words, flags, examples.
import { argumentParts, flagParts, flagSyntax, globalFlagParts, usageLine } from './command-parts.ts'
import type { CommandWords, FlagPart, Parameters } from './command-parts.ts'
import { textWidth } from './escape.ts'

const WIDTH = 96
/** A flag wider than this has its explanation on the next line. */
const FLAG_COLUMN_MAX = 34

export function renderHelp(words: CommandWords, parameters: Parameters, bold: boolean): string {
  const heading = (text: string) => (bold ? `\x1b[1m${text}\x1b[22m` : text)
  const lines = [`${heading(`holdfast ${words.name}`)}: ${words.brief}`, '', heading('Usage')]
  lines.push(`  ${usageLine(words.name, parameters)}`)
  for (const paragraph of words.description) lines.push('', ...wrapText(paragraph, WIDTH, ''))
  const args = argumentParts(parameters)
  if (args.length > 0) {
    lines.push('', heading('Arguments'))
    lines.push(
      ...columns(args.map(({ placeholder, repeats, brief }) => [repeats ? `${placeholder}...` : placeholder, brief])),
    )
  }
  const flags = flagParts(parameters)
  if (flags.length > 0) lines.push('', heading('Flags'), ...columns(flags.map(flagRow)))
  lines.push('', heading('Flags of every command'), ...columns(globalFlagParts().map(flagRow)))
  if (words.examples.length > 0) {
    lines.push('', heading('Examples'))
    for (const { command, what } of words.examples) lines.push(`  # ${what}`, `  ${command}`)
  }
  return `${lines.join('\n')}\n`
}

export interface HelpTopic {
  readonly title: string
  readonly rows: readonly (readonly [name: string, brief: string])[]
}

/** The help of `holdfast` itself and of groups such as `key`. */
export function renderOverview(
  title: string,
  usage: string,
  intro: readonly string[],
  topics: readonly HelpTopic[],
  bold: boolean,
): string {
  const heading = (text: string) => (bold ? `\x1b[1m${text}\x1b[22m` : text)
  const lines = [title, '', heading('Usage'), `  ${usage}`]
  for (const paragraph of intro) lines.push('', ...wrapText(paragraph, WIDTH, ''))
  for (const { title, rows } of topics) lines.push('', heading(title), ...columns(rows))
  lines.push('', heading('Flags of every command'), ...columns(globalFlagParts().map(flagRow)))
  return `${lines.join('\n')}\n`
}

/** Breaks at spaces; every line begins with `indent`. */
export function wrapText(text: string, width: number, indent: string): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line.length > indent.length && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line)
      line = indent
    }
    line += line.length > indent.length ? ` ${word}` : word
  }
  return [...lines, line]
}

function flagRow(flag: FlagPart): [string, string] {
  const alias = flag.alias === undefined ? '    ' : `-${flag.alias}, `
  const notes = [flag.repeats ? 'repeatable' : '', flag.environment ?? ''].filter((note) => note !== '').join(', ')
  return [alias + flagSyntax(flag), notes === '' ? flag.brief : `${flag.brief} [${notes}]`]
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(FLAG_COLUMN_MAX, Math.max(...rows.map(([name]) => name.length)))
  return rows.flatMap(([name, brief]) => {
    const indent = ' '.repeat(width + 4)
    const [first, ...others] = wrapText(brief, WIDTH, indent)
    if (name.length > width) return [`  ${name}`, first!, ...others]
    return [`  ${name.padEnd(width)}  ${first!.trimStart()}`, ...others]
  })
}
