// Where the program begins: arguments in, exit code out.
import { ExitCode as StricliExit, run } from '@stricli/core'
import { systemClock } from '../base/clock.ts'
import { BackupError } from '../base/errors.ts'
import { app, commands } from './app.ts'
import { guarded, reportFailure } from './command.ts'
import { loadConfig, type Config } from './config.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { misnamedVariables } from './environment.ts'
import { describeFailure } from './failure.ts'
import { splitGlobalFlags, type GlobalOptions, type SplitArguments } from './global-flags.ts'
import { nativeArguments } from './native-text.ts'
import { Output } from './output.ts'
import { Reporter } from './reporter.ts'

/** What is assumed when the flags themselves are wrong. */
const NO_FLAGS: GlobalOptions = {
  acceptRollback: false,
  includeRevoked: false,
  json: false,
  quiet: false,
  verbose: false,
  noProgress: false,
}

async function main(args: readonly string[]): Promise<void> {
  let split: SplitArguments
  try {
    split = splitGlobalFlags(args)
  } catch (error) {
    const context = contextFor({ ...NO_FLAGS, json: args.includes('--json') })
    process.exitCode = await guarded(context, () => Promise.reject(error))
    return
  }
  const context = contextFor(split.globals)
  // What nobody waits for cannot be caught anywhere else; it is a bug, and is shown as one.
  process.on('uncaughtException', (error) => process.exit(reportFailure(context, describeFailure(error))))
  for (const [name, meant] of misnamedVariables(context.env)) {
    const message = `${name} is set, which nobody reads: ${meant} may be meant`
    context.reporter.onEvent({ type: 'warning', code: 'usage', message })
  }
  await run(app, split.rest, context)
  process.exitCode = await finish(context, split.rest)
}

/** Turns what stricli has to say into our exit codes and our way of showing errors. */
async function finish(context: CliContext, args: readonly string[]): Promise<number> {
  const code = Number(context.process.exitCode)
  if (code === StricliExit.InvalidArgument || code === StricliExit.UnknownCommand) {
    const command = code === StricliExit.UnknownCommand ? '' : `${commandWords(args)} `
    const hint = `\`holdfast ${command}--help\` shows how it is used`
    return guarded(context, async () => {
      throw new BackupError('usage', context.complaints.join('; '), `holdfast ${args.join(' ')}`, { hint })
    })
  }
  if (code < 0) return guarded(context, () => Promise.reject(new Error(context.complaints.join('; '))))
  // A command has written everything before it ended; help, which stricli prints, has not.
  return code === EXIT.ok ? guarded(context, async () => {}) : code
}

interface CliContext extends Context {
  /** What stricli wrote to standard error; it is shown in our own words. */
  readonly complaints: string[]
}

function contextFor(globals: GlobalOptions): CliContext {
  const { env } = process
  const out = new Output(process.stdout, globals.json)
  const complaints: string[] = []
  const plain = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== ''
  let config: Promise<Config> | undefined
  return {
    complaints,
    process: {
      stdout: {
        write: (text: string) => out.text(text),
        getColorDepth: () => (out.isTerminal && !plain && env['TERM'] !== 'dumb' ? 4 : 1),
      },
      stderr: { write: (text: string) => complaints.push(text.trimEnd()) },
    },
    globals,
    env,
    out,
    reporter: new Reporter(process.stderr, out, globals, systemClock, env['TERM']),
    clock: systemClock,
    stop: {},
    config: () => (config ??= loadConfig(globals.config, env)),
  }
}

/** First words of commands of two. */
const GROUPS = new Set(commands.flatMap(({ words: { name } }) => (name.includes(' ') ? [name.split(' ')[0]!] : [])))

function commandWords(args: readonly string[]): string {
  return args
    .slice(0, GROUPS.has(args[0] ?? '') ? 2 : 1)
    .filter((word) => !word.startsWith('-'))
    .join(' ')
}

await main(nativeArguments(process.argv.slice(2)))
