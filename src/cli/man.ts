// Manual pages in roff (man macros), made from the same words and parameters as `--help`.
import { argumentParts, flagParts, globalFlagParts } from './command-parts.ts'
import type { CommandWords, FlagPart, Parameters } from './command-parts.ts'
import { EXIT_MEANINGS } from './exit-codes.ts'

export interface ManCommand {
  readonly words: CommandWords
  readonly parameters: Parameters
}

export interface ManPage {
  /** `holdfast-key-add.1` */
  readonly fileName: string
  readonly roff: string
}

/** Every page: `holdfast` and one for each command. */
export function manPages(commands: readonly ManCommand[], version: string): ManPage[] {
  const pages = commands.map(({ words, parameters }) => ({
    fileName: `${pageName(words.name)}.1`,
    roff: commandPage(words, parameters, version),
  }))
  return [{ fileName: 'holdfast.1', roff: mainPage(commands, version) }, ...pages]
}

export function commandPage(words: CommandWords, parameters: Parameters, version: string): string {
  const args = argumentParts(parameters)
  const synopsis = args.map(({ placeholder, optional, repeats }) => {
    const text = `\\fI${roff(placeholder)}\\fR${repeats ? ' ...' : ''}`
    return optional ? `[${text}]` : text
  })
  return page([
    title(pageName(words.name), version),
    '.SH NAME',
    `${roff(pageName(words.name))} \\- ${roff(words.brief)}`,
    '.SH SYNOPSIS',
    `.B holdfast ${roff(words.name)}`,
    ['[\\fIflags\\fR]', ...synopsis].join(' '),
    '.SH DESCRIPTION',
    ...words.description.flatMap((text, at) => [...(at > 0 ? ['.PP'] : []), roff(text)]),
    ...(args.length === 0
      ? []
      : ['.SH ARGUMENTS', ...args.flatMap(({ placeholder, brief }) => item(`\\fI${roff(placeholder)}\\fR`, brief))]),
    ...(flagParts(parameters).length === 0 ? [] : ['.SH OPTIONS', ...flagParts(parameters).flatMap(flagItem)]),
    '.SS Options of every command',
    ...globalFlagParts().flatMap(flagItem),
    ...(words.examples.length === 0 ? [] : ['.SH EXAMPLES', ...words.examples.flatMap(example)]),
    '.SH EXIT STATUS',
    'See',
    '.BR holdfast (1).',
    '.SH SEE ALSO',
    '.BR holdfast (1)',
  ])
}

function mainPage(commands: readonly ManCommand[], version: string): string {
  return page([
    title('holdfast', version),
    '.SH NAME',
    'holdfast \\- encrypted, deduplicating backups',
    '.SH SYNOPSIS',
    '.B holdfast',
    '[\\fIflags\\fR] \\fIcommand\\fR [\\fIargument\\fR ...]',
    '.SH DESCRIPTION',
    roff(
      'Holdfast keeps snapshots of files in a repository. Everything is encrypted before it leaves the machine; what two snapshots, files or machines have in common is stored once.',
    ),
    '.SH COMMANDS',
    ...commands.flatMap(({ words }) => item(`\\fB${roff(pageName(words.name))}\\fR(1)`, words.brief)),
    '.SH OPTIONS',
    'They may stand before or after the command.',
    ...globalFlagParts().flatMap(flagItem),
    '.SH ENVIRONMENT',
    ...item('\\fBHOLDFAST_PASSWORD\\fR', 'The passphrase itself.'),
    ...globalFlagParts().flatMap((flag) =>
      flag.environment === undefined ? [] : item(`\\fB${roff(flag.environment)}\\fR`, `Same as --${flag.name}.`),
    ),
    ...item('\\fBNO_COLOR\\fR', 'Set to anything: no bold or coloured text.'),
    '.SH FILES',
    ...item(
      roff('$XDG_CONFIG_HOME/holdfast/config.toml'),
      'Configuration; ~/.config is used when the variable is not set.',
    ),
    ...item(
      roff('$XDG_DATA_HOME/holdfast/repository'),
      'The repository when none is named; ~/.local/share is used when the variable is not set.',
    ),
    '.SH EXIT STATUS',
    ...EXIT_MEANINGS.flatMap(({ code, meaning }) => item(`\\fB${code}\\fR`, meaning)),
  ])
}

/** `holdfast-key-add` */
export function pageName(command: string): string {
  return `holdfast-${command.replaceAll(' ', '-')}`
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}

function title(name: string, version: string): string {
  return `.TH ${roff(name.toUpperCase())} 1 "" "Holdfast ${version}" "Holdfast manual"\n.nh`
}

function flagItem(flag: FlagPart): string[] {
  const names = [...(flag.alias === undefined ? [] : [`-${flag.alias}`]), `--${flag.name}`]
  const value = flag.placeholder === undefined ? '' : ` \\fI${roff(flag.placeholder)}\\fR`
  const notes = [
    flag.repeats ? 'May be repeated.' : '',
    flag.environment === undefined ? '' : `Environment: ${flag.environment}.`,
  ]
  return item(
    names.map((name) => `\\fB${roff(name)}\\fR`).join(', ') + value,
    [`${flag.brief}.`, ...notes.filter((note) => note !== '')].join(' '),
  )
}

function item(term: string, text: string): string[] {
  return ['.TP', term, roff(text)]
}

function example({ command, what }: { command: string; what: string }): string[] {
  return ['.PP', roff(`${what}:`), '.PP', '.RS 4', '.nf', roff(command), '.fi', '.RE']
}

/** Text as roff: backslashes, hyphens (which must stay ASCII to be copied) and lines that look like requests. */
function roff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('`', '\\(ga')
  return escaped.replace(/^[.']/gm, '\\&$&')
}
