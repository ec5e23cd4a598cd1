// Tells two classes apart from numbers: logistic regression on values and their squares, a Gaussian of each value for each
// class, and nearest neighbours. Which of them serves best is decided on the examples alone, by leaving out a fifth of
// them in turn. No library: this is a yardstick of a test and must stay the same.

export interface Example {
  readonly values: readonly number[]
  readonly known: boolean
}

type Guess = (values: readonly number[]) => boolean

/** Learns from the examples; both classes must be among them. */
export function learn(examples: readonly Example[]): Guess {
  const scale = scaleOf(examples)
  const scaled = examples.map(({ values, known }) => ({ values: scale(values), known }))
  const scores = METHODS.map((method) => {
    let right = 0
    for (let fold = 0; fold < FOLDS; fold++) {
      const guess = method(scaled.filter((_, i) => i % FOLDS !== fold))
      right += scaled.filter(({ values, known }, i) => i % FOLDS === fold && guess(values) === known).length
    }
    return right
  })
  const best = METHODS[scores.indexOf(Math.max(...scores))]!(scaled)
  return (values) => best(scale(values))
}

/** How many of the examples are guessed right. */
export function countRight(guess: Guess, examples: readonly Example[]): number {
  return examples.filter(({ values, known }) => guess(values) === known).length
}

const FOLDS = 5
const METHODS: readonly ((examples: readonly Example[]) => Guess)[] = [logistic, gaussian, nearest]

/** Each value with mean 0 and deviation 1 over the examples; one that never varies tells nothing and becomes 0. */
function scaleOf(examples: readonly Example[]): (values: readonly number[]) => number[] {
  const columns = examples[0]!.values.map((_, i) => examples.map(({ values }) => values[i]!))
  const means = columns.map(mean)
  const deviations = columns.map((column, i) => Math.sqrt(mean(column.map((value) => (value - means[i]!) ** 2))))
  return (values) => values.map((value, i) => (deviations[i] === 0 ? 0 : (value - means[i]!) / deviations[i]!))
}

const STEPS = 400
const RATE = 0.2
/** Of the weights, at each step: there are few examples for many values. */
const SHRINK = 0.01

function logistic(examples: readonly Example[]): Guess {
  const inputs = examples.map(({ values }) => withSquares(values))
  const weights = inputs[0]!.map(() => 0)
  for (let step = 0; step < STEPS; step++) {
    const gradient = weights.map(() => 0)
    for (const [i, input] of inputs.entries()) {
      const error = (examples[i]!.known ? 1 : 0) - 1 / (1 + Math.exp(-dot(weights, input)))
      for (const [j, value] of input.entries()) gradient[j]! += (error * value) / inputs.length
    }
    for (const [j, slope] of gradient.entries()) weights[j]! += RATE * (slope - SHRINK * weights[j]!)
  }
  return (values) => dot(weights, withSquares(values)) > 0
}

function withSquares(values: readonly number[]): number[] {
  // Bounded, so that one strange value does not outweigh all others.
  const bounded = values.map((value) => Math.max(-4, Math.min(4, value)))
  return [1, ...bounded, ...bounded.map((value) => value * value)]
}

/** Narrower than this no value is taken to be: a value that was the same in all examples may yet vary. */
const DEVIATION_MIN = 0.02

function gaussian(examples: readonly Example[]): Guess {
  const classes = [true, false].map((which) => {
    const own = examples.filter(({ known }) => known === which)
    return examples[0]!.values.map((_, i) => {
      const column = own.map(({ values }) => values[i]!)
      const middle = mean(column)
      const deviation = Math.sqrt(mean(column.map((value) => (value - middle) ** 2)))
      return { middle, deviation: Math.max(DEVIATION_MIN, deviation) }
    })
  })
  return (values) => {
    const [known, unknown] = classes.map((shape) =>
      shape.reduce((sum, { middle, deviation }, i) => {
        return sum - Math.log(deviation) - Math.min(50, ((values[i]! - middle) / deviation) ** 2 / 2)
      }, 0),
    )
    return known! > unknown!
  }
}

const NEIGHBOURS = 5

function nearest(examples: readonly Example[]): Guess {
  return (values) => {
    const byDistance = examples
      .map((example) => ({ known: example.known, far: dot2(example.values, values) }))
      .sort((a, b) => a.far - b.far)
    return byDistance.slice(0, NEIGHBOURS).filter(({ known }) => known).length > NEIGHBOURS / 2
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

function dot2(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0)
}
