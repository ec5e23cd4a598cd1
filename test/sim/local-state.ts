// What a client keeps on its own disk, in memory, and a way to copy it.
import type { LocalState } from '../../src/repo/local-state.ts'

interface SimState extends LocalState {
  readonly values: Map<string, Uint8Array>
}

export function simState(values = new Map<string, Uint8Array>()): SimState {
  const tails = new Map<string, Promise<unknown>>()
  return {
    values,
    read: async (name) => values.get(name) ?? null,
    write: async (name, bytes) => {
      values.set(name, bytes.slice())
    },
    remove: async (name) => {
      values.delete(name)
    },
    exclusive: (name, step) => {
      const run = (tails.get(name) ?? Promise.resolve()).then(step, step)
      tails.set(
        name,
        run.catch(() => {}),
      )
      return run
    },
  }
}

/** Only for states that `simState` made. */
export function copyOfState(state: LocalState): SimState {
  return simState(new Map((state as SimState).values))
}
