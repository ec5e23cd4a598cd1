// What a command is made of: its words for help and manual pages, its parameters, and what it does. Parsing is
// stricli's; the words are ours, so that `--help`, `man` and the shell completions come from one place.
import { buildCommand, type Command, type TypedCommandParameters } from '@stricli/core'
import type { CommandWords } from './command-parts.ts'
import type { Need } from '../repo/roles.ts'
import type { Context, Task } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { describeFailure, renderFailure, type Failure } from './failure.ts'
import { renderHelp } from './help.ts'
import { OutputClosed } from './output.ts'
import { VERSION } from './version.ts'

// Flags and arguments as stricli asks for them.
type Flags = Readonly<Partial<Record<string, unknown>>>
type Arguments = readonly unknown[]

export interface CommandSpec<F extends Flags, A extends Arguments> extends CommandWords {
  readonly parameters: TypedCommandParameters<F, A, Context>
  /** What it takes of the key; `null` where any key will do, or none is asked for. With `flag` where a flag makes the difference. */
  readonly needs: Need | null | ((flags: F) => FlagNeed | null)
  /** Resolves to the exit code, 0 when it returns none. Throws what `failure.ts` renders. */
  run(context: Context, flags: F, ...args: A): Promise<ExitCode | void>
}

interface FlagNeed {
  readonly need: Need
  /** Without dashes. */
  readonly flag?: string
}

/** A command with its words; `parameters` are there as stricli keeps them. */
export type HoldfastCommand = Command<Context> & { readonly words: CommandWords }

export function defineCommand<F extends Flags = {}, A extends Arguments = []>(
  spec: CommandSpec<F, A>,
): HoldfastCommand {
  const { name, brief, description, examples } = spec
  const words: CommandWords = { name, brief, description, examples }
  const command = buildCommand<F, A, Context>({
    parameters: spec.parameters as never,
    docs: { brief },
    async func(this: Context, flags: F, ...args: A): Promise<void> {
      const context: Context = { ...this, ...taskOf(spec, flags), isDryRun: flags['dryRun'] === true }
      this.process.exitCode = await guarded(context, () => spec.run(context, flags, ...args))
    },
  })
  const formatHelp: Command<Context>['formatHelp'] = ({ ansiColor }) => renderHelp(words, command.parameters, ansiColor)
  return Object.defineProperties(command, {
    formatHelp: { value: formatHelp },
    words: { value: words },
  }) as HoldfastCommand
}

function taskOf<F extends Flags, A extends Arguments>(
  { name, needs }: CommandSpec<F, A>,
  flags: F,
): { readonly task?: Task } {
  const found = typeof needs === 'function' ? needs(flags) : needs === null ? null : { need: needs }
  if (found === null) return {}
  const command = 'flag' in found ? `${name} --${found.flag}` : name
  return { task: { command, need: found.need } }
}

/** Runs a step of the command line and turns what it throws into text and an exit code; never rejects. */
export async function guarded(context: Context, step: () => Promise<ExitCode | void>): Promise<ExitCode> {
  try {
    const exitCode = (await step()) ?? EXIT.ok
    context.reporter.finish()
    await context.out.drained()
    return exitCode
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT.outputClosed
    const exitCode = reportFailure(context, describeFailure(error))
    return exitCode === EXIT.interrupted && context.stop.signal === 'SIGTERM' ? EXIT.terminated : exitCode
  }
}

/** Shows a failure on standard error, and with --json also as the last line of standard output. */
export function reportFailure(context: Pick<Context, 'reporter' | 'out'>, failure: Failure): ExitCode {
  context.reporter.finish()
  try {
    context.out.record({
      type: 'failure',
      code: failure.code,
      exit_code: failure.exitCode,
      message: failure.links[0],
      because: failure.links.slice(1),
      hint: failure.hint,
      stack: failure.stack,
    })
    context.out.flush()
  } catch {
    // Standard output is gone or broken; the text below still says what happened.
  }
  context.reporter.raw(renderFailure(failure, VERSION))
  return failure.exitCode
}
