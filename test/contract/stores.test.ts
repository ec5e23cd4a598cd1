import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { seededRng } from '../../src/base/random.ts'
import { CountingStore } from '../../src/store/counting-store.ts'
import { FaultyDisk } from '../../src/store/faulty-disk.ts'
import { FaultyStore } from '../../src/store/faulty-store.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { OverlayStore } from '../../src/store/overlay-store.ts'
import { ReadOnlyStore } from '../../src/store/read-only-store.ts'
import { OperationLog, RecordingStore } from '../../src/store/recording-store.ts'
import { RetryingStore } from '../../src/store/retrying-store.ts'
import type { Store } from '../../src/store/store.ts'
import { ThrottledStore } from '../../src/store/throttled-store.ts'
import { VirtualTime } from '../sim/virtual-time.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { storeContract } from './store-contract.ts'

storeContract('MemoryStore', async () => new MemoryStore())

storeContract('FsStore', openFresh)

storeContract('CountingStore', async () => new CountingStore(new MemoryStore()))

storeContract('RecordingStore', async () => {
  return new RecordingStore(new MemoryStore(), { log: new OperationLog(), actor: 'test' })
})

storeContract(
  'ReadOnlyStore',
  async () => {
    const writer = new MemoryStore()
    return { store: new ReadOnlyStore(writer), writer }
  },
  { readOnly: true },
)

storeContract('RetryingStore', async () => {
  const sleep = () => Promise.resolve()
  return new RetryingStore(new MemoryStore(), { clock: systemClock, sleep, rng: seededRng(1) })
})

storeContract('OverlayStore', async () => {
  return new OverlayStore(new MemoryStore(), { now: () => 0, bytesMax: Infinity })
})

storeContract('ThrottledStore', async () => {
  const time = new VirtualTime()
  const rate = { bytesPerSecond: 1_000_000, clock: time, sleep: (ms: number) => time.sleep(ms) }
  return new ThrottledStore(new MemoryStore(), rate)
})

storeContract('FaultyStore without faults', async () => {
  const time = new VirtualTime()
  const disk = new FaultyDisk(new MemoryStore({ clock: time }), seededRng(1), time)
  return new FaultyStore(disk, { rng: seededRng(2), sleep: (ms) => time.sleep(ms) })
})

storeContract('RetryingStore around a FaultyStore that fails', async () => {
  const time = new VirtualTime()
  const disk = new FaultyDisk(new MemoryStore({ clock: time }), seededRng(3), time)
  const faulty = new FaultyStore(disk, { rng: seededRng(4), sleep: (ms) => time.sleep(ms) })
  faulty.faults = { ...faulty.faults, failBefore: 0.1 }
  const isTransient = (cause: unknown) => cause instanceof Error && cause.message.startsWith('simulated failure')
  return new RetryingStore(faulty, {
    clock: time,
    sleep: (ms) => time.sleep(ms),
    rng: seededRng(5),
    triesMax: 50,
    giveUpMs: Infinity,
    isTransient,
  })
})

async function openFresh(t: TestContext): Promise<Store> {
  return openFsStore(join(tempFolder(t), 'repository'), { create: true })
}
