/**
 * Requests to a store that are under way at once. A local store makes files that are written at the same time durable
 * together, and a folder once for all that came or went in it meanwhile: what takes eight at a time waits for the disk four times as often.
 */
const AT_ONCE = 32

/**
 * Gives what `work` gives, in the order of `items`. The next begins as soon as one is done. After a failure nothing begins,
 * and what is under way has ended when this throws it.
 */
export async function someAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = Array.from({ length: items.length })
  let next = 0
  let failure: { readonly cause: unknown } | undefined
  const lane = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const at = next++
      try {
        results[at] = await work(items[at]!)
      } catch (cause) {
        failure ??= { cause }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lane))
  if (failure !== undefined) throw failure.cause
  return results
}
