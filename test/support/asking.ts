// Somebody at a terminal who has prepared answers, and keeps what was asked and told.
import type { Ask } from '../../src/credentials/ask.ts'

export interface Asking extends Ask {
  readonly heard: string[]
}

/** Gives one answer after the other; null and nothing left mean that there is no answer. */
export function asking(...answers: readonly (string | null)[]): Asking {
  const heard: string[] = []
  const left = [...answers]
  const next = (question: string) => {
    heard.push(question)
    return left.shift() ?? null
  }
  return {
    heard,
    secret: async (question) => next(question),
    text: async (question) => next(question),
    choose: async (question, yes, no) => {
      const answer = next(`${question} [${yes}/${no ?? '-'}]`)
      return answer === null ? null : answer === yes
    },
    tell: (message) => {
      heard.push(message)
      return true
    },
  }
}
