// What somebody may have meant who made a slip in typing.

/** Words of `known` with the fewest letters to change, where these are few enough to be a slip; at most `max`. */
export function nearWords(typed: string, known: readonly string[], max = 3): string[] {
  const slip = Math.max(1, Math.floor(typed.length / 3))
  // Whose lengths differ by more takes more changes than that: not worth a table.
  const near = known
    .filter((word) => Math.abs(word.length - typed.length) <= slip)
    .map((word) => ({ word, distance: lettersToChange(typed, word) }))
    .filter(({ distance }) => distance <= slip)
  const least = near.reduce((smallest, { distance }) => Math.min(smallest, distance), slip)
  return near
    .filter(({ distance }) => distance === least)
    .map(({ word }) => word)
    .slice(0, max)
}

/** Optimal string alignment distance: letters added, left out, replaced, and neighbours that changed places. */
function lettersToChange(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, rows[i - 2]![j - 2]! + 1)
      row.push(cost)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
