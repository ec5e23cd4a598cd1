// The key ring against a model that only knows which credentials ought to open, and against a process that dies.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BackupError } from '../../base/errors.ts'
import { secureRandom } from '../../base/random.ts'
import { initHashing } from '../../crypto/hash.ts'
import { MEMORY_KIB_MIN } from '../../crypto/passphrase.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import type { Store } from '../../store/store.ts'
import type { SecretCredential } from '../../credentials/credential.ts'
import { addSlot, changePassphrase, openWithCredential, removeSlot } from './keyring.ts'
import type { NewSlot } from './keyring.ts'
import { newBundle } from './new-bundle.ts'

await initHashing()

const COST = { memoryKiB: MEMORY_KIB_MIN, passes: 1, lanes: 1 }
const DETAILS: NewSlot = { created: { sec: 1_700_000_000, nsec: 0 }, random: secureRandom, suite: 1, cost: COST }
const WORDS = ['anna', 'Änna', 'ben'] as const
const credentials: readonly SecretCredential[] = [
  ...WORDS.map((passphrase): SecretCredential => ({ kind: 'passphrase', passphrase })),
  { kind: 'key-file', secret: new Uint8Array(32).fill(1) },
  { kind: 'key-file', secret: new Uint8Array(32).fill(2) },
]

type Step =
  | { readonly do: 'add' | 'remove'; readonly which: number }
  | { readonly do: 'change'; readonly which: number; readonly to: number }

const which = fc.nat(credentials.length - 1)
const word = fc.nat(WORDS.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('add' as const), which }),
  fc.record({ do: fc.constant('remove' as const), which }),
  fc.record({ do: fc.constant('change' as const), which: word, to: word }),
)

test('after any changes exactly the credentials open that ought to, and to the same keys', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(credentials.length - 1), fc.array(step, { maxLength: 7 }), async (first, steps) => {
      const store = new MemoryStore()
      const bundle = newBundle(secureRandom)
      const open = (at: number) => openWithCredential({ store, repoIds: [bundle.repoId] }, credentials[at]!)
      /** Slots of each credential, by its number. */
      const model = credentials.map(() => 0)
      const total = () => model.reduce((sum, slots) => sum + slots, 0)
      await addSlot(store, bundle, credentials[first]!, DETAILS)
      model[first]!++

      for (const s of steps) {
        const has = model[s.which]! > 0
        if (s.do === 'add') {
          const twice = has && credentials[s.which]!.kind === 'key-file'
          const added = await refusedOr('exists', () => addSlot(store, bundle, credentials[s.which]!, DETAILS))
          assert.equal(added, !twice)
          if (added) model[s.which]!++
        } else if (has && s.do === 'remove') {
          const { slotName } = await open(s.which)
          const removed = await refusedOr('refused', () => removeSlot(store, slotName))
          assert.equal(removed, total() > 1)
          if (removed) model[s.which]!--
        } else if (has && s.do === 'change') {
          await changePassphrase(store, await open(s.which), WORDS[s.to]!, DETAILS)
          model[s.which]!--
          model[s.to]!++
        }
      }

      assert.equal((await store.list('keys/')).objects.length, total())
      for (const at of credentials.keys()) {
        if (model[at] === 0) {
          await assert.rejects(open(at), (error: unknown) => error instanceof BackupError && error.code === 'wrong-key')
        } else {
          assert.deepEqual((await open(at)).bundle, bundle)
        }
      }
    }),
    { numRuns: 25 },
  )
})

for (const when of ['before', 'after'] as const) {
  test(`whenever a process dies, ${when} the store has done a step, somebody's passphrase opens`, async () => {
    for (let dieAt = 0, finished = false; !finished; dieAt++) {
      const store = new MemoryStore()
      const bundle = newBundle(secureRandom)
      await addSlot(store, bundle, credentials[0]!, DETAILS)
      const opened = await openWithCredential({ store, repoIds: [bundle.repoId] }, credentials[0]!)
      finished = await changePassphrase(dying(store, dieAt, when), opened, WORDS[2], DETAILS).then(
        () => true,
        (error: unknown) => {
          assert.match(`${(error as Error).cause ?? error}`, /died/)
          return false
        },
      )
      const open = (at: number) => openWithCredential({ store, repoIds: [bundle.repoId] }, credentials[at]!)
      const answers = await Promise.allSettled([open(0), open(2)])
      const opening = answers.filter(({ status }) => status === 'fulfilled')
      assert.ok(opening.length >= 1, `nobody can open it after step ${dieAt}`)
      if (finished) assert.equal(answers[1].status, 'fulfilled')
      assert.ok(dieAt < 20)
    }
  })
}

async function refusedOr(code: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    assert.ok(error instanceof BackupError && error.code === code, `${error}`)
    return false
  }
}

/** A store whose process dies at its n-th operation. */
function dying(inner: Store, dieAt: number, when: 'before' | 'after'): Store {
  let operations = 0
  return new Proxy(inner, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        const last = operations++ === dieAt
        if (last && when === 'before') throw new Error('the process died here')
        const result: unknown = await Reflect.apply(value, target, args)
        if (last) throw new Error('the process died here')
        return result
      }
    },
  })
}
