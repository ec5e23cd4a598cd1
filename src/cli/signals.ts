// Ctrl-C and SIGTERM: the first one asks the operation to stop where it can go on later, the second one ends at once.
import type { Context } from './context.ts'
import { EXIT } from './exit-codes.ts'

/**
 * Runs `work` with a signal that SIGINT and SIGTERM set off; `kept` says what the person keeps. Without this a signal
 * ends the process at once, which is right for commands that only read.
 */
export async function stoppable<T>(
  context: Context,
  kept: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const onSignal = (signal: NodeJS.Signals) => {
    if (context.stop.signal !== undefined) {
      context.reporter.finish()
      process.exit(signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted)
    }
    context.stop.signal = signal
    context.reporter.onEvent({ type: 'notice', message: `stopping; ${kept} (again to stop at once)` })
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    return await work(controller.signal)
  } finally {
    process.removeListener('SIGINT', onSignal)
    process.removeListener('SIGTERM', onSignal)
  }
}
