/** Requests to a store that are under way at once. */
const AT_ONCE = 8

/** Gives what `work` gives, in the order of `items`. */
export async function someAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map((item) => work(item)))))
  }
  return results
}
