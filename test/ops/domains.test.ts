// Several domains in one repository: what a member of one of them sees of the others, by the real code.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { reasonsOf } from '../../src/base/errors.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { openDirectory, openTrailer, TRAILER_STORED_SIZE } from '../../src/format/directory.ts'
import { auditHistory } from '../../src/ops/audit.ts'
import { checkRepository, type CheckResult } from '../../src/ops/check.ts'
import { addDomain } from '../../src/repo/keys/change-domains.ts'
import { readDescriptions } from '../../src/repo/descriptions.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { readLog } from '../../src/repo/history/log.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import { foreignOf } from '../../src/repo/keys/membership.ts'
import { unlockRepository } from '../../src/repo/open-repository.ts'
import { readReport } from '../../src/repo/report.ts'
import { Repository } from '../../src/repo/repository.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { ENTRY, HostileWriter } from '../damage/hostile-writer.ts'
import { backUp } from '../support/scratch-backup.ts'
import { fileWith, readTree, ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 1024 * 1024

interface Scene {
  readonly scratch: ScratchRepository
  readonly source: string
  readonly content: Uint8Array
  /** One file of each member, and one that both have. */
  readonly file: (name: string) => string
}

/** A repository with the domains `default`, `ann` and `ben`, and a source with a file of some packs. */
async function scene(t: TestContext): Promise<Scene> {
  const folder = tempFolder(t)
  const source = join(folder, 'source')
  mkdirSync(source)
  const file = (name: string) => join(source, name)
  const content = secureRandom(3 * MIB)
  writeFileSync(file('large'), content)
  writeFileSync(file('small'), 'small '.repeat(500))
  const scratch = await ScratchRepository.create(folder, { packSize: MIB })
  await scratch.addDomains('ann', 'ben')
  return { scratch, source, content, file }
}

async function check(repo: Repository): Promise<CheckResult> {
  return checkRepository({ repo, depth: 'all', rng: seededRng(1), threads: 0 })
}

const told = ({ damages }: CheckResult) => damages.map(({ object, messages }) => `${object}: ${messages.join('; ')}`)

/** Backs up into a domain, as the holder of a credential. */
async function backUpAs(
  { scratch, source }: Scene,
  repository: Repository,
  domain: string,
  state = memoryState(),
): ReturnType<typeof backUp> {
  return backUp(scratch, [source], { repository: repository.inDomain(domain), state })
}

/** What a snapshot holds, read in its own domain. */
async function read(repo: Repository, id: string): Promise<Readonly<Record<string, string>>> {
  const found = await repo.findSnapshot(id)
  const own = repo.of(found)
  if (!own.isIndexLoaded) await own.loadIndex()
  return readTree(own, found.body.root)
}

test('two members share one domain and have one each: everybody restores what is theirs, and checks find no damage', async (t) => {
  const here = await scene(t)
  const { scratch, file, content } = here
  const keys = {
    ann: await scratch.addRole('read', ['default', 'ann']),
    ben: await scratch.addRole('read', ['default', 'ben']),
  }
  const ids: Record<string, string> = {}
  for (const member of ['ann', 'ben'] as const) {
    const shared = await backUpAs(here, await scratch.openWith(keys[member]), 'default')
    // The second member has nothing to store in the shared domain, and all of it in its own.
    assert.equal(shared.body.stats.newBlobs > 0, member === 'ann')
    const own = await backUpAs(here, await scratch.openWith(keys[member]), member)
    assert.ok(own.body.stats.newBlobs > 3)
    assert.deepEqual([shared.problems, own.problems], [[], []])
    ids[member] = own.snapshot.id
    ids[`${member} shared`] = shared.snapshot.id
  }
  for (const [member, other] of [
    ['ann', 'ben'],
    ['ben', 'ann'],
  ] as const) {
    const repo = await scratch.openWith(keys[member])
    const seen = (await repo.snapshots()).map(({ id }) => id)
    assert.deepEqual(seen.toSorted(), [ids[member]!, ids['ann shared']!, ids['ben shared']!].toSorted())
    for (const id of seen) assert.equal((await read(repo, id))[file('large')], fileWith(content))
    await assert.rejects(repo.findSnapshot(ids[other]!), (error) => foreignOf(error) !== undefined)
    assert.equal((await repo.findSnapshot('latest')).id, seen.at(-1))
    const { problems } = await repo.catalog.readable()
    assert.deepEqual(problems, [])
    const result = await check(await scratch.openWith(keys[member]))
    assert.deepEqual(told(result), [])
    assert.deepEqual([result.counts.snapshots, result.indexIncomplete], [3, false])
    // Of the other's session: intent, segments of its index, snapshot.
    assert.ok(result.counts.objectsForeign >= 3, String(result.counts.objectsForeign))
    assert.ok(result.counts.packsForeign > 3)
    assert.deepEqual([result.counts.packsUnopened, result.counts.packsUnindexed], [0, 0])
  }
  // The administrator has all three, and nothing is foreign.
  const all = await check(await scratch.open())
  assert.deepEqual([told(all), all.counts.snapshots, all.counts.objectsForeign, all.counts.packsForeign], [[], 4, 0, 0])
})

test('equal content in two domains has no locator, reference, salt or byte of a block in common', async (t) => {
  const here = await scene(t)
  const { scratch } = here
  const state = memoryState()
  const facts: Set<string>[] = []
  const before = new Set<string>()
  for (const domain of ['ann', 'ben']) {
    const { body } = await backUpAs(here, await scratch.open(), domain, state)
    const repo = (await scratch.open()).inDomain(domain)
    await repo.loadIndex()
    const found = new Set<string>([toHex(body.root)])
    for await (const entry of repo.directoryEntries(body.root, true)) await collectRefs(repo, entry.subtree!.ref, found)
    for (const name of packsIn(scratch)) {
      if (before.has(name)) continue
      before.add(name)
      const bytes = readFileSync(join(scratch.location, name))
      const { directoryOffset, directoryLength } = openTrailer(
        bytes.subarray(bytes.length - TRAILER_STORED_SIZE),
        name,
        repo.indexSealer,
      )
      const sealed = bytes.subarray(directoryOffset, directoryOffset + directoryLength)
      for (const block of openDirectory(sealed, directoryOffset, name, repo.indexSealer).blocks) {
        for (let at = 0; at < block.locs.length; at += 24) found.add(toHex(block.locs.slice(at, at + 24)))
        // Salts, and any 24 bytes at the same place.
        const stored = bytes.subarray(block.offset, block.offset + block.storedLength)
        for (let at = 0; at + 24 <= stored.length; at += 24) found.add(toHex(stored.slice(at, at + 24)))
      }
    }
    assert.ok(found.size > 100)
    facts.push(found)
  }
  assert.deepEqual([...facts[0]!.intersection(facts[1]!)], [])
})

async function collectRefs(repo: Repository, ref: Uint8Array, found: Set<string>): Promise<void> {
  found.add(toHex(ref))
  for await (const { content, subtree } of repo.directoryEntries(ref)) {
    if (subtree !== undefined) await collectRefs(repo, subtree.ref, found)
    if (content === undefined) continue
    for await (const extent of repo.resolveContent(content)) if (extent.ref !== undefined) found.add(toHex(extent.ref))
  }
}

function packsIn({ location }: ScratchRepository): string[] {
  return ['data', 'meta'].flatMap((kind) =>
    readdirSync(join(location, kind), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('/'))
      .map((name) => `${kind}/${name}`),
  )
}

test('who lost the index of all domains reads and stores as before, each in its own', async (t) => {
  const here = await scene(t)
  const { scratch, file, content } = here
  const credential = await scratch.addRole('read', ['ann'])
  const own = await backUpAs(here, await scratch.openWith(credential), 'ann')
  await backUpAs(here, await scratch.open(), 'ben')
  rmSync(join(scratch.location, 'index'), { recursive: true })
  mkdirSync(join(scratch.location, 'index'))
  const repo = await scratch.openWith(credential)
  assert.equal((await read(repo, own.snapshot.id))[file('large')], fileWith(content))
  const result = await check(await scratch.openWith(credential))
  assert.deepEqual([told(result), result.indexIncomplete], [[], true])
  const again = await backUpAs(here, await scratch.openWith(credential), 'ann')
  assert.equal(again.body.stats.newBlobs, 0)
  const { counts } = await check(await scratch.openWith(credential))
  assert.deepEqual([counts.packsUnindexed, counts.packsForeign > 0], [0, true])
})

test('a pack that is missing is damage for the members of its domain and for nobody else', async (t) => {
  const here = await scene(t)
  const { scratch } = here
  const keys = { ann: await scratch.addRole('read', ['ann']), ben: await scratch.addRole('read', ['ben']) }
  await backUpAs(here, await scratch.openWith(keys.ben), 'ben')
  const before = packsIn(scratch)
  const { snapshot } = await backUpAs(here, await scratch.openWith(keys.ann), 'ann')
  const lost = packsIn(scratch).find((name) => name.startsWith('data/') && !before.includes(name))!
  rmSync(join(scratch.location, lost))
  const found = await check(await scratch.openWith(keys.ann))
  assert.match(told(found).join(), new RegExp(`${lost}: the index names`))
  assert.deepEqual(
    found.damages.flatMap(({ affected }) => affected.map(({ id }) => id)),
    [snapshot.id],
  )
  assert.deepEqual(told(await check(await scratch.openWith(keys.ben))), [])
  // The administrator, who has both, is told which snapshot it costs.
  const all = await check(await scratch.open())
  assert.deepEqual(
    all.damages.flatMap(({ affected }) => affected.map(({ id }) => id)),
    [snapshot.id],
  )
  // A backup stores it again.
  const again = await backUpAs(here, await scratch.openWith(keys.ann), 'ann')
  assert.ok(again.body.stats.newBlobs > 0)
  assert.deepEqual(told(await check(await scratch.open())), [])
})

test('what is damaged of another domain is told as far as it shows without its keys', async (t) => {
  const here = await scene(t)
  const { scratch } = here
  const ben = await scratch.addRole('read', ['ben'])
  await backUpAs(here, await scratch.open(), 'ann')
  for (const folder of ['index', 'snap', 'data', 'sess']) {
    const base = join(scratch.location, folder)
    const [name] = readdirSync(base, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile() && !each.name.includes('.'))
      .map((each) => relative(base, join(each.parentPath, each.name)))
    assert.ok(name !== undefined)
    const whole = readFileSync(join(base, name))
    const damaged = Buffer.from(whole)
    damaged[damaged.length >> 1]! ^= 1
    writeFileSync(join(base, name), damaged)
    const result = await check(await scratch.openWith(ben))
    assert.deepEqual(
      result.damages.map(({ object }) => object),
      [`${folder}/${name}`],
    )
    writeFileSync(join(base, name), whole)
  }
})

test('what somebody signs who is not of the domain counts for nothing, and check names it', async (t) => {
  const here = await scene(t)
  const { scratch, source } = here
  await backUpAs(here, await scratch.open(), 'ben')
  // Ann's machine has got hold of what a writer of another domain knows; its certificate still says `ann` alone.
  const ann = await scratch.openWith(await scratch.addRole('write', ['ann']))
  const stolen = (await scratch.open()).inDomain('ben').domain
  const hostile = new Repository({ ...ann, bundle: { ...ann.bundle, domains: [stolen] } })
  writeFileSync(here.file('evil'), secureRandom(MIB))
  const { snapshot } = await backUp(scratch, [source], { repository: hostile })
  const repo = await scratch.open()
  assert.ok(!(await repo.snapshots()).some(({ id }) => id === snapshot.id))
  const lines = told(await check(repo))
  for (const folder of ['index', 'sess', 'skeys']) {
    assert.ok(
      lines.some((line) => line.startsWith(`${folder}/`) && /who is not of its domain, who may not/.test(line)),
      `${folder}: ${lines.join(' | ')}`,
    )
  }
  // Ben's backups go on, and rely on nothing of it.
  const again = await backUpAs(here, await scratch.openWith(await scratch.addRole('read', ['ben'])), 'ben')
  assert.match(
    again.problems.join(),
    /^warning corrupt: reading the index: index\/[0-9a-f]+; what it names is stored again$/,
  )
  assert.equal(again.body.stats.newFiles, 1)
})

test('a snapshot says the domain of its session, or is refused', async () => {
  const hostile = await HostileWriter.create()
  const root = hostile.root(hostile.node({ level: 0, entries: [] }))
  await hostile.flush()
  await hostile.index()
  const { id } = hostile.repo.domain
  const name = await hostile.snapshot(root, (body) => {
    const at = Buffer.from(body).indexOf(id)
    const lying = body.slice()
    lying[at]! ^= 1
    return lying
  })
  const repo = await hostile.made.open()
  await assert.rejects(repo.snapshots(), (error) => /another domain than its session/.test(reasonsOf(error)))
  assert.match(told(await check(repo)).join(), new RegExp(`${name}: .*another domain than its session`))
})

test('the index gives no reference, and a snapshot that names a guessed one is noticed', async () => {
  const hostile = await HostileWriter.create()
  const secret = Buffer.from('what somebody else has stored '.repeat(50))
  const real = hostile.blob('data', secret)
  await hostile.flush()
  await hostile.index()
  const repo = await hostile.made.open()
  await repo.loadIndex()
  const loc = hostile.packs[0]!.blocks[0]!.locs
  assert.ok(repo.locate('data', real) !== undefined)
  // All that who has the index knows of a blob is its locator and its length.
  const guess = new Uint8Array(32)
  guess.set(loc)
  for (const ref of [guess, repo.blobKeys.locOf(real)]) {
    if (ref.length === 32) assert.equal(repo.locate('data', ref), undefined)
    assert.notDeepEqual([...ref.subarray(0, 24)], [...real.subarray(0, 24)])
  }
  const content = { kind: 'extents', extents: [{ length: secret.length, ref: guess }] } as const
  const entry = { ...ENTRY, name: Buffer.from('stolen'), kind: 'file', size: secret.length, content } as const
  const root = hostile.root(hostile.node({ level: 0, entries: [entry] }))
  await hostile.flush()
  await hostile.index()
  const name = await hostile.snapshot(root)
  const reader = await hostile.made.open()
  const result = await check(reader)
  assert.match(told(result).join(), /data blob [0-9a-f]{16}/)
  assert.deepEqual(
    result.damages.flatMap(({ affected }) => affected.map(({ id }) => name.endsWith(id))),
    [true],
  )
  await assert.rejects(readTree(reader, root), (error) =>
    /is in no pack|not in the index|missing/.test(reasonsOf(error)),
  )
})

test('an administrator whose machine wrote before a domain was added gets another writer for it', async (t) => {
  const folder = tempFolder(t)
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), 'content')
  const scratch = await ScratchRepository.create(folder, { packSize: MIB })
  const state = memoryState()
  const first = await backUp(scratch, [source], { state })
  await scratch.addDomains('later')
  const second = await backUp(scratch, [source], { state, repository: (await scratch.open()).inDomain('later') })
  assert.notEqual(first.snapshot.wid, second.snapshot.wid)
  const third = await backUp(scratch, [source], { state })
  assert.equal(third.snapshot.wid, second.snapshot.wid)
  assert.deepEqual(told(await check(await scratch.open())), [])
  // Only snapshots of the same domain are compared with.
  assert.equal(toHex(third.body.parent!), first.snapshot.id)
  await assert.rejects(
    backUp(scratch, [source], { state, parent: second.snapshot.id }),
    /is of the domain later, not of default/,
  )
})

test('a snapshot that was forgotten is explained to the members of every domain of who forgot it', async (t) => {
  const here = await scene(t)
  const { scratch } = here
  const state = memoryState()
  const { snapshot } = await backUpAs(here, await scratch.open(), 'ann', state)
  await backUpAs(here, await scratch.open(), 'ben', state)
  const repo = (await scratch.open()).inDomain('ann')
  const writer = await writerIdentity(repo, { state, clock: systemClock, random: secureRandom, host: 'test' })
  const place = { wid: writer.wid, seq: snapshot.seq, hash: fromHex(snapshot.id)! }
  const action = { kind: 'forget', snapshots: [place], reason: 'no longer needed' } as const
  await appendRecord(repo, action, { writer, clock: systemClock, by: 'test' })
  await repo.store.delete(snapshot.objectName)
  for (const domain of ['ann', 'ben', 'default']) {
    const member = await scratch.openWith(await scratch.addRole('read', [domain]))
    const { records, problems } = await readLog(member)
    assert.deepEqual([records.length, problems], [1, []])
    assert.deepEqual(told(await check(member)), [], domain)
    const audit = await auditHistory({ repo: await scratch.openWith(await scratch.addRole('read', [domain])) })
    assert.deepEqual(
      audit.findings.map(({ kind, object }) => `${kind} ${object}`),
      [],
    )
    assert.match(audit.remarks.join(), /what 2 records explain is not known/)
  }
})

test('a key for reports of one domain says nothing of the others', async (t) => {
  const here = await scene(t)
  const { scratch } = here
  const credential = await scratch.addRole('report', ['ann'])
  const { snapshot } = await backUpAs(here, await scratch.open(), 'ann')
  await backUpAs(here, await scratch.open(), 'ben')
  const store = await scratch.store()
  const unlocked = await unlockRepository(store, await readDescriptions(store), credential)
  const report = await readReport({ store, ...unlocked })
  assert.deepEqual([report.snapshots.map(({ id }) => id), report.problems], [[snapshot.id], []])
})

test('adding a domain keeps the label and the rest of the key slot, and nobody but an administrator can', async (t) => {
  const { scratch } = await scene(t)
  const store = await scratch.store()
  const unlocked = await unlockRepository(store, await readDescriptions(store), scratch.credential)
  assert.deepEqual(
    unlocked.bundle.domains.map(({ name }) => name),
    ['default', 'ann', 'ben'],
  )
  const { credential } = scratch
  const opts = { random: secureRandom, removed: new Set<string>() }
  const add = (name: string) => addDomain(store, unlocked, { name, credential, ...opts })
  await assert.rejects(add('ann'), { code: 'exists' })
  await assert.rejects(add(''), { code: 'usage' })
  const reader = await scratch.addRole('read', ['ann'])
  const limited = await unlockRepository(store, await readDescriptions(store), reader)
  await assert.rejects(addDomain(store, limited, { name: 'new', credential: reader, ...opts }), (error) =>
    /changing domains takes the key of an administrator, .* the role read/.test(reasonsOf(error)),
  )
})
