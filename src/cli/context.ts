import type { CommandContext } from '@stricli/core'
import type { Clock } from '../base/clock.ts'
import type { Need } from '../repo/roles.ts'
import type { Config } from './config.ts'
import type { Environment } from './environment.ts'
import type { GlobalOptions } from './global-flags.ts'
import type { Output } from './output.ts'
import type { Reporter } from './reporter.ts'

export interface Task {
  /** As it is typed: `forget --path`. */
  readonly command: string
  readonly need: Need
}

/** What a command works with; nothing else is taken from the surroundings. */
export interface Context extends CommandContext {
  readonly process: CommandContext['process'] & { exitCode?: number | string | null }
  readonly globals: GlobalOptions
  readonly env: Environment
  readonly out: Output
  readonly reporter: Reporter
  readonly clock: Clock
  /** The signal that asked the command to stop, once there was one (signals.ts). */
  readonly stop: { signal?: NodeJS.Signals }
  /** What is being done and what that takes of the key; undefined where any key will do. */
  readonly task?: Task
  /** Nothing is to be written. */
  readonly isDryRun?: boolean
  /** Reads the configuration file; the same object each time. Throws `usage`. */
  config(): Promise<Config>
}
