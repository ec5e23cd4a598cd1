// Which seeds a test runs, and how a failure says how to run it again:
//   HOLDFAST_SIM_SEEDS=20   so many times the seeds of a normal run (nightly)
//   HOLDFAST_SIM_SEED=7     this one only

/**
 * Calls `run` with each seed: `count` of them, or what the environment says. What it throws names the seed and the
 * command that repeats it; `file` is the test file's name.
 */
export async function forEachSeed(file: string, count: number, run: (seed: number) => Promise<void>): Promise<void> {
  for (const seed of seeds(count)) {
    try {
      await run(seed)
    } catch (cause) {
      const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
      throw new Error(`seed ${seed} fails; again with: HOLDFAST_SIM_SEED=${seed} npm test -- ${file}\n${text}`, {
        cause,
      })
    }
  }
}

export function seeds(count: number): number[] {
  const one = process.env['HOLDFAST_SIM_SEED']
  if (one !== undefined && one !== '') return [wholeNumber('HOLDFAST_SIM_SEED', one)]
  const times = wholeNumber('HOLDFAST_SIM_SEEDS', process.env['HOLDFAST_SIM_SEEDS'] || '1')
  return Array.from({ length: count * times }, (_, i) => i + 1)
}

function wholeNumber(name: string, text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  throw new Error(`${name} is no number: ${text}`)
}
