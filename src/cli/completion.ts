// Shell completions, made from the commands and their flags. They are plain scripts that start no process, so a press
// of Tab costs nothing and never asks for a passphrase.
import { argumentParts, flagParts, globalFlagParts } from './command-parts.ts'
import type { Completes, FlagPart } from './command-parts.ts'
import type { ManCommand } from './man.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export function completionScript(shell: Shell, commands: readonly ManCommand[]): string {
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript }
  return scripts[shell](commands)
}

/** `key` of `key add`, `key list` …, once each, with their second words. */
function groupsOf(commands: readonly ManCommand[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const { words } of commands) {
    const [group, member] = words.name.split(' ')
    if (member !== undefined) groups.set(group!, [...(groups.get(group!) ?? []), member])
  }
  return groups
}

function firstWords(commands: readonly ManCommand[]): string[] {
  return [...new Set(commands.map(({ words }) => words.name.split(' ')[0]!))]
}

function bashScript(commands: readonly ManCommand[]): string {
  const all = [...globalFlagParts(), ...commands.flatMap(({ parameters }) => flagParts(parameters))]
  const names = (flags: readonly FlagPart[]) => flags.flatMap(dashed).join('|')
  const valued = all.filter(({ placeholder }) => placeholder !== undefined)
  const groups = groupsOf(commands)
  const globals = globalFlagParts()
    .map(({ name }) => `--${name}`)
    .join(' ')
  const commandCases = commands.map(({ words, parameters }) => {
    const flags = flagParts(parameters)
      .map(({ name }) => `--${name}`)
      .join(' ')
    return `    ${quoted(words.name)}) flags=${quoted(flags)}; argument=${bashAction(argumentParts(parameters).at(0)?.completes)} ;;`
  })
  return `# bash completion for holdfast; load with: source <(holdfast completion bash)
_holdfast() {
  local current=\${COMP_WORDS[COMP_CWORD]} command= word flags= argument= action= globals=${quoted(globals)}
  local i skip=0
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((skip)); then skip=0; continue; fi
    case $word in
      ${unique(names(valued))}) skip=1 ;;
      -*) ;;
      *)
        case $command in
          '') command=$word ;;
          ${[...groups.keys()].join('|')}) command="$command $word" ;;
        esac ;;
    esac
  done
  if ((skip)); then
    case $command:\${COMP_WORDS[COMP_CWORD - 1]} in
${valueCases(commands)}
    esac
    _holdfast_reply "$action" "$current"
    return
  fi
  case $command in
    '') flags=; argument=${quoted(`words:${firstWords(commands).join(' ')} help`)} ;;
${[...groups].map(([group, members]) => `    ${group}) argument=${quoted(`words:${members.join(' ')}`)} ;;`).join('\n')}
${commandCases.join('\n')}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags $globals" -- "$current"))
  else
    _holdfast_reply "$argument" "$current"
  fi
}
_holdfast_reply() {
  local IFS=$'\\n'
  COMPREPLY=()
  case $1 in
    file) COMPREPLY=($(compgen -f -- "$2")); compopt -o filenames 2> /dev/null ;;
    directory) COMPREPLY=($(compgen -d -- "$2")); compopt -o filenames 2> /dev/null ;;
    words:*) IFS=$' \\t\\n'; COMPREPLY=($(compgen -W "\${1#words:}" -- "$2")) ;;
  esac
}
complete -F _holdfast holdfast
`
}

/** Cases `command:flag) action=…`, the global flags last. */
function valueCases(commands: readonly ManCommand[]): string {
  const line = (pattern: string, completes: Completes) => `      ${pattern}) action=${bashAction(completes)} ;;`
  const own = commands.flatMap(({ words, parameters }) =>
    flagParts(parameters)
      .filter(({ placeholder }) => placeholder !== undefined)
      .map((flag) =>
        line(
          dashed(flag)
            .map((name) => quoted(`${words.name}:${name}`))
            .join('|'),
          flag.completes,
        ),
      ),
  )
  const global = globalFlagParts()
    .filter(({ placeholder }) => placeholder !== undefined)
    .map((flag) =>
      line(
        dashed(flag)
          .map((name) => `*:${name}`)
          .join('|'),
        flag.completes,
      ),
    )
  return [...own, ...global].join('\n')
}

function bashAction(completes: Completes): string {
  if (completes === undefined) return "''"
  return typeof completes === 'string' ? completes : quoted(`words:${completes.join(' ')}`)
}

function zshScript(commands: readonly ManCommand[]): string {
  const groups = groupsOf(commands)
  const described = (rows: readonly (readonly [string, string])[]) =>
    rows.map(([name, brief]) => `        ${quoted(`${name}:${brief}`)}`).join('\n')
  const briefs = new Map(commands.map(({ words }) => [words.name, words.brief]))
  const top = firstWords(commands).map((name) => [name, briefs.get(name) ?? `${name} commands`] as const)
  const menu = (rows: readonly (readonly [string, string])[]) => `      local -a names=(
${described(rows)}
      )
      _describe command names ;;`
  const commandCases = commands.map(({ words, parameters }) => {
    const args = argumentParts(parameters).map(({ placeholder, repeats, completes }, at) => {
      return quoted(`${repeats ? '*' : at + 1}:${placeholder.replaceAll(':', '\\:')}:${zshAction(completes)}`)
    })
    const flags = flagParts(parameters).flatMap(zshFlag)
    return `    ${quoted(words.name)}) _arguments -s ${[...flags, '"$globals[@]"', ...args].join(' ')} ;;`
  })
  return `#compdef holdfast
# zsh completion for holdfast; load with: source <(holdfast completion zsh)
_holdfast() {
  local -a globals=(${globalFlagParts().flatMap(zshFlag).join(' ')})
  local command= word
  integer i skip=0 depth=1
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if ((skip)); then skip=0; continue; fi
    case $word in
      ${unique(
        [...globalFlagParts()]
          .filter(({ placeholder }) => placeholder !== undefined)
          .flatMap(dashed)
          .join('|'),
      )}) skip=1 ;;
      -*) ;;
      *)
        if [[ -z $command ]]; then command=$word; depth=i
        elif [[ " ${[...groups.keys()].join(' ')} " == *" $command "* ]]; then command="$command $word"; depth=i; break
        else break; fi ;;
    esac
  done
  if [[ -n $command ]]; then
    words=("$command" "\${(@)words[depth+1,-1]}")
    ((CURRENT -= depth - 1))
  fi
  case $command in
    '')
      if ((skip)) || [[ $words[CURRENT] == -* ]]; then _arguments -s "$globals[@]"; return; fi
${menu(top)}
${[...groups].map(([group, members]) => `    ${group})\n${menu(members.map((member) => [member, briefs.get(`${group} ${member}`) ?? '']))}`).join('\n')}
${commandCases.join('\n')}
  esac
}
if [[ $zsh_eval_context == *file* || $zsh_eval_context == *eval* || -z $funcstack ]]; then compdef _holdfast holdfast
else _holdfast "$@"; fi
`
}

function zshFlag(flag: FlagPart): string[] {
  const brief = flag.brief.replaceAll(/[[\]]/g, '').replaceAll(':', '\\:')
  const value =
    flag.placeholder === undefined ? '' : `:${flag.placeholder.replaceAll(':', '\\:')}:${zshAction(flag.completes)}`
  return dashed(flag).map((name) => quoted(`${flag.repeats ? '*' : ''}${name}[${brief}]${value}`))
}

function zshAction(completes: Completes): string {
  if (completes === undefined) return ''
  if (completes === 'file') return '_files'
  return completes === 'directory' ? '_files -/' : `(${completes.join(' ')})`
}

function fishScript(commands: readonly ManCommand[]): string {
  const briefs = new Map(commands.map(({ words }) => [words.name, words.brief]))
  const valued = globalFlagParts().filter(({ placeholder }) => placeholder !== undefined)
  const lines = [
    '# fish completion for holdfast; load with: holdfast completion fish | source',
    'function __holdfast_words',
    '  set -l words; set -l skip 0',
    '  for token in (commandline -opc)[2..-1]',
    '    if test $skip = 1; set skip 0; continue; end',
    '    switch $token',
    `      case ${valued.flatMap(dashed).join(' ')}; set skip 1`,
    "      case '-*'",
    "      case '*'; set -a words $token",
    '    end',
    '  end',
    "  string join ' ' -- $words; or echo",
    'end',
    'function __holdfast_at; test "$(__holdfast_words)" = "$argv[1]"; end',
    "function __holdfast_in; string match -qr -- '^'$argv[1]'( |$)' \"$(__holdfast_words)\"; end",
    'complete -c holdfast -f',
    ...globalFlagParts().map((flag) => fishFlag('', flag)),
  ]
  const offer = (condition: string, name: string, brief: string) =>
    `complete -c holdfast -n ${fishQuoted(condition)} -a ${name} -d ${fishQuoted(brief)}`
  for (const name of firstWords(commands))
    lines.push(offer("__holdfast_at ''", name, briefs.get(name) ?? `${name} commands`))
  for (const [group, members] of groupsOf(commands)) {
    for (const member of members)
      lines.push(offer(`__holdfast_at ${group}`, member, briefs.get(`${group} ${member}`) ?? ''))
  }
  for (const { words, parameters } of commands) {
    const condition = fishQuoted(`__holdfast_in '${words.name}'`)
    for (const flag of flagParts(parameters)) lines.push(fishFlag(`-n ${condition} `, flag))
    const completes = argumentParts(parameters).at(0)?.completes
    if (completes === 'file' || completes === 'directory') lines.push(`complete -c holdfast -n ${condition} -F`)
    else if (completes !== undefined)
      lines.push(`complete -c holdfast -n ${condition} -a ${fishQuoted(completes.join(' '))}`)
  }
  return `${lines.join('\n')}\n`
}

function fishFlag(condition: string, flag: FlagPart): string {
  const alias = flag.alias === undefined ? '' : `-s ${flag.alias} `
  const value = flag.placeholder === undefined ? '' : `${fishValues(flag.completes)} `
  return `complete -c holdfast ${condition}-l ${flag.name} ${alias}${value}-d ${fishQuoted(flag.brief)}`
}

function fishValues(completes: Completes): string {
  if (completes === undefined) return '-x'
  if (completes === 'file') return '-r -F'
  const words = completes === 'directory' ? '(__fish_complete_directories (commandline -ct))' : completes.join(' ')
  return `-x -a ${fishQuoted(words)}`
}

function dashed(flag: FlagPart): string[] {
  return [...(flag.alias === undefined ? [] : [`-${flag.alias}`]), `--${flag.name}`]
}

function unique(pattern: string): string {
  return [...new Set(pattern.split('|'))].join('|')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
