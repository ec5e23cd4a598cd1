// How sure a count of successes makes us of the rate behind it.

/** The 95 % interval of Clopper and Pearson (1934) for the rate behind `right` of `n`: exact, rather too wide. */
export function rateInterval(right: number, n: number): { readonly low: number; readonly high: number } {
  const low = right === 0 ? 0 : solve((rate) => atLeast(right, n, rate), 0.025)
  const high = right === n ? 1 : solve((rate) => atLeast(right + 1, n, rate), 0.975)
  return { low, high }
}

/** The chance of `right` or more of `n` with this rate each. */
export function atLeast(right: number, n: number, rate: number): number {
  if (rate <= 0) return right <= 0 ? 1 : 0
  if (rate >= 1) return 1
  let logTerm = n * Math.log(1 - rate)
  let sum = right <= 0 ? Math.exp(logTerm) : 0
  for (let k = 1; k <= n; k++) {
    logTerm += Math.log((n - k + 1) / k) + Math.log(rate / (1 - rate))
    if (k >= right) sum += Math.exp(logTerm)
  }
  return Math.min(1, sum)
}

/** Where a function that ascends from 0 to 1 has this value. */
function solve(ascending: (x: number) => number, value: number): number {
  let [low, high] = [0, 1]
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2
    if (ascending(middle) < value) low = middle
    else high = middle
  }
  return (low + high) / 2
}
