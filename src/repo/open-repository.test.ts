import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../test/support/scripted-source.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { signingKeyFromSeed } from '../crypto/signing.ts'
import { descriptionName } from '../format/names.ts'
import { DESCRIPTION_SIZE_MAX, encodeRepoDescription } from '../format/repo-description.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import { DESCRIPTIONS_MAX } from './descriptions.ts'
import { openRepository } from './open-repository.ts'
import type { Repository } from './repository.ts'

/** A repository, and what puts descriptions into it, signed by somebody else unless told otherwise. */
async function setUp() {
  const repository = await MemoryRepository.create()
  const repo = await repository.open()
  const stranger = signingKeyFromSeed(secureRandom(32))
  const root = signingKeyFromSeed(repo.bundle.rootSeed!)
  const plant = (number: number, changes: Partial<RepoDescription> = {}, signer: SigningKey = stranger) =>
    repository.store.put(descriptionName(number), [
      encodeRepoDescription({ ...repo.description, repoId: secureRandom(16), ...changes }, signer),
    ])
  return { repository, repoId: repo.id, root, plant }
}

const problemsOf = ({ problems }: Repository) => problems.map(({ code, subject }) => `${code} ${subject}`)

test('a description of another repository above the own one is told and passed over', async () => {
  const { repository, repoId, root, plant } = await setUp()
  await plant(99)
  await plant(98, { repoId }) // the id stands in the clear in the own one
  await plant(97, { repoId, incompat: 1 << 5 })
  await plant(7, { repoId, packSize: 128 * 1024 }, root)
  const repo = await repository.open()
  assert.equal(repo.description.packSize, 128 * 1024, 'it is the highest one of the own')
  assert.deepEqual(problemsOf(repo), ['corrupt format/99', 'corrupt format/98', 'corrupt format/97'])
  assert.match(repo.problems[0]!.message, /of another repository and is passed over/)
  const { body } = await repository.backup(new ScriptedSource({ file: Buffer.from('x') }))
  assert.equal(body.stats.files, 1)
})

test('a repository that needs a newer version is refused whatever lies above its description', async () => {
  const { repository, repoId, root, plant } = await setUp()
  await plant(2, { repoId, incompat: 1 << 3 }, root)
  await plant(99)
  await assert.rejects(repository.open(), { code: 'unsupported', subject: 'format/2' })
})

test('a description that is damaged or far too large is told and passed over', async () => {
  const { repository } = await setUp()
  await repository.store.put('format/3', [Buffer.from('no description')])
  await repository.store.put('format/2', [new Uint8Array(DESCRIPTION_SIZE_MAX + 1)])
  assert.deepEqual(problemsOf(await repository.open()), ['corrupt format/3', 'corrupt format/2'])
})

test('a credential that fits no slot is told the same, whatever descriptions there are', async () => {
  const { repository, plant } = await setUp()
  const failure = async () => {
    const wrong = { kind: 'key-file' as const, secret: secureRandom(32) }
    const error = await openRepository(repository.store, wrong).catch((caught: unknown) => caught)
    assert(error instanceof BackupError)
    return [error.code, error.message, error.hint]
  }
  const alone = await failure()
  assert.equal(alone[0], 'wrong-key')
  await plant(50)
  assert.deepEqual(await failure(), alone)
  await plant(60, { incompat: 1 })
  assert.equal((await failure())[0], 'unsupported')
})

test('a credential that fits none of the descriptions is told that they are of another repository', async () => {
  const { repository, repoId, plant } = await setUp()
  await repository.store.delete('format/1')
  await plant(1, { repoId })
  await plant(2, { repoId })
  const about = /^the description is of another repository than the credential/
  await assert.rejects(repository.open(), { code: 'corrupt', message: about })
})

test('a flood of descriptions is not read to its end', async () => {
  const { repository, plant } = await setUp()
  for (let number = 2; number < DESCRIPTIONS_MAX + 1; number++) await plant(number)
  assert.equal((await repository.open()).problems.length, DESCRIPTIONS_MAX - 1)
  await plant(DESCRIPTIONS_MAX + 1)
  await assert.rejects(repository.open(), { code: 'wrong-key' })
})
