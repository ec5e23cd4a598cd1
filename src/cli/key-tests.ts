// `holdfast key test`: which keys the given credential opens.
import { BackupError, codeOf, reasonsOf } from '../base/errors.ts'
import { kindWords } from '../format/slot-kinds.ts'
import { readDescriptions } from '../repo/descriptions.ts'
import { listSlots, findSlotName } from '../repo/keys/key-slots.ts'
import { testSlots, type SlotTest } from '../repo/keys/slot-tests.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { keyId, recipientsOf, shortKey } from './key-commands.ts'
import { opening } from './opening.ts'
import { withStore } from './repository.ts'
import { findCredential } from './secrets.ts'
import { tableLines } from './table.ts'

/** Throws `wrong-key` when none opens, or not the one that `spec` means, and what is the matter with a damaged one. */
export async function testKeys(context: Context, spec: string | undefined): Promise<void> {
  const { initHashing } = await import('../crypto/hash.ts')
  await initHashing()
  await withStore(context, async (store) => {
    const { found } = await readDescriptions(store)
    const repoIds = found.map(({ description }) => description.repoId)
    const credential = await findCredential(context, store)
    const tests = await opening(credential, store.location, async (each) => {
      const results = await testSlots({ store, repoIds }, each)
      const wanted = spec === undefined ? results : [findTest(results, spec)]
      if (wanted.some(({ result }) => result === 'opens')) return wanted
      const [first] = wanted.flatMap(({ problem }) => problem ?? [])
      const what = spec === undefined ? 'it opens no key' : 'it does not open this key'
      const cause = first === undefined ? {} : { cause: first }
      throw new BackupError('wrong-key', what, spec ?? store.location, cause)
    })
    await showTests(context, store, tests)
    const damaged = tests.flatMap(({ problem }) => (problem?.code === 'unsupported' ? [] : (problem ?? [])))
    if (damaged[0] === undefined) return
    const what = `${damaged.length} of ${tests.length} keys cannot be used`
    throw new BackupError(codeOf(damaged[0]), what, store.location, { cause: damaged[0] })
  })
}

const RESULT_WORDS: Readonly<Record<SlotTest['result'], string>> = {
  opens: 'opens',
  'does-not-open': 'does not open',
  'not-tried': 'is for something else',
  unusable: 'cannot be used',
}

async function showTests({ out }: Context, store: Store, tests: readonly SlotTest[]): Promise<void> {
  const bundle = tests.find((each) => each.bundle !== undefined)?.bundle
  const known = bundle === undefined ? [] : (await listSlots(store, bundle)).slots
  const rows = tests.map(({ name, kind, result, problem }) => {
    const slot = known.find((each) => each.name === name)
    const about = [slot?.label ?? '', ...recipientsOf(slot?.detail ?? null)].filter((text) => text !== '').join(', ')
    const why = problem === undefined ? '' : `: ${reasonsOf(problem)}`
    return [
      shortKey(name),
      kind === undefined ? 'unknown' : kindWords(kind),
      escapeText(`${RESULT_WORDS[result]}${why}`),
      escapeText(about),
    ]
  })
  const columns = ['KEY', 'KIND', 'RESULT', 'LABEL'].map((title) => ({ title }))
  for (const line of tableLines(columns, rows)) out.line(line)
  for (const { name, kind, result, problem } of tests) {
    const why = problem === undefined ? {} : { code: problem.code, message: reasonsOf(problem) }
    out.record({ type: 'key_test', id: keyId(name), kind: kind ?? null, result, ...why })
  }
}

function findTest(tests: readonly SlotTest[], spec: string): SlotTest {
  const name = findSlotName(
    tests.map((each) => each.name),
    spec,
  )
  return tests.find((each) => each.name === name)!
}
