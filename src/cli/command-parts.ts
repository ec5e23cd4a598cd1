// A command's words, flags and arguments as plain values, for help, manual pages and completions.
import type { Command } from '@stricli/core'
import type { Context } from './context.ts'
import { GLOBAL_FLAGS, type GlobalFlag } from './global-flags.ts'

export interface Example {
  readonly command: string
  readonly what: string
}

/** The words about a command. */
export interface CommandWords {
  /** As it is typed after `holdfast`: `backup`, `key add`. */
  readonly name: string
  /** One line, no full stop. */
  readonly brief: string
  /** Paragraphs. */
  readonly description: readonly string[]
  readonly examples: readonly Example[]
}

export type Parameters = Command<Context>['parameters']

export type Completes = 'file' | 'directory' | readonly string[] | undefined

export interface FlagPart {
  /** Without dashes: `one-file-system`. */
  readonly name: string
  readonly alias: string | undefined
  /** Absent when the flag takes no value. */
  readonly placeholder: string | undefined
  readonly brief: string
  readonly repeats: boolean
  readonly completes: Completes
  readonly environment: string | undefined
}

export interface ArgumentPart {
  readonly placeholder: string
  readonly brief: string
  readonly optional: boolean
  readonly repeats: boolean
  readonly completes: Completes
}

export function flagParts(parameters: Parameters): FlagPart[] {
  const aliases = Object.entries(parameters.aliases ?? {})
  return Object.entries(parameters.flags ?? {}).map(([key, flag]) => {
    const values = flag.kind === 'enum' ? flag.values : undefined
    const takesValue = flag.kind === 'parsed' || flag.kind === 'enum'
    const placeholder = takesValue ? (flag.placeholder ?? values?.join('|') ?? 'VALUE') : undefined
    return {
      name: kebab(key),
      alias: aliases.find(([, name]) => name === key)?.[0],
      placeholder,
      brief: flag.brief,
      repeats: 'variadic' in flag && Boolean(flag.variadic),
      completes: values ?? completionOf(placeholder),
      environment: undefined,
    }
  })
}

export function globalFlagParts(): FlagPart[] {
  const flags: readonly GlobalFlag[] = GLOBAL_FLAGS
  return [
    ...flags.map((flag) => ({
      name: flag.name,
      alias: flag.alias,
      placeholder: flag.placeholder,
      brief: flag.brief,
      repeats: flag.repeats === true,
      completes: flag.completes,
      environment: flag.environment,
    })),
    {
      name: 'help',
      alias: 'h',
      placeholder: undefined,
      brief: 'Help for this command',
      repeats: false,
      completes: undefined,
      environment: undefined,
    },
  ]
}

export function argumentParts(parameters: Parameters): ArgumentPart[] {
  const positional = parameters.positional
  if (positional === undefined) return []
  if (positional.kind === 'array') {
    const { placeholder = 'ARG', brief } = positional.parameter
    const optional = (positional.minimum ?? 0) === 0
    return [{ placeholder, brief, optional, repeats: true, completes: completionOf(placeholder) }]
  }
  return positional.parameters.map(({ placeholder = 'ARG', brief, optional }) => ({
    placeholder,
    brief,
    optional: optional === true,
    repeats: false,
    completes: completionOf(placeholder),
  }))
}

/** `holdfast ls [flags] SNAPSHOT[:PATH]` */
export function usageLine(name: string, parameters: Parameters): string {
  const args = argumentParts(parameters).map(({ placeholder, optional, repeats }) => {
    const text = repeats ? `${placeholder}...` : placeholder
    return optional ? `[${text}]` : text
  })
  return ['holdfast', name, '[flags]', ...args].join(' ')
}

/** `--exclude GLOB` */
export function flagSyntax(flag: FlagPart): string {
  return flag.placeholder === undefined ? `--${flag.name}` : `--${flag.name} ${flag.placeholder}`
}

/** Placeholders say what they stand for, so they also say what completes them. */
function completionOf(placeholder: string | undefined): Completes {
  switch (placeholder) {
    case 'FILE':
    case 'PATH':
      return 'file'
    case 'DIR':
      return 'directory'
    case 'SHELL':
      return ['bash', 'zsh', 'fish']
    default:
      return undefined
  }
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
