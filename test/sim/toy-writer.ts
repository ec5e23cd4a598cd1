// A backup without contents: puts objects under the names and in the order of docs/format.md, section 10, or in an order
// that breaks one of its rules. It shows that the ordering oracle sees what it is there to see.
import { createHash } from 'node:crypto'
import type { Rng } from '../../src/base/random.ts'
import type { OperationLog } from '../../src/store/recording-store.ts'
import { listAll, type Store } from '../../src/store/store.ts'
import { SUCCESS } from './ordering-oracle.ts'

/** Ways to get it wrong. */
export const MISTAKES = {
  'no intent': 'W1',
  'intent not awaited': 'W1',
  'plans listed before the intent': 'W1',
  'plans not listed': 'W1',
  'plan not read': 'W1',
  'index listed before the plans': 'W1',
  'index listed while the plans are read': 'W1',
  'only a part of the index listed': 'W1',
  'no keys': 'W2',
  'keys not awaited': 'W2',
  'keys after the packs': 'W2',
  'index before its packs': 'W4',
  'index while a pack is put': 'W4',
  'pack in no index': 'W4',
  'index not awaited before the snapshot': 'W5',
  'pack under way at the snapshot': 'W5',
  'failed index ignored': 'W5',
  'success before the intent is seen again': 'W6',
  'intent seen before the snapshot is acknowledged': 'W6',
  'success without a snapshot acknowledged': 'W6',
  'end before the snapshot': 'W7',
  'end before the intent is seen again': 'W7',
  'pack after the end': 'W7',
  deletes: 'W9',
  'overwrites its snapshot': 'W9',
} as const

export type Mistake = keyof typeof MISTAKES

export interface ToyOptions {
  readonly log: OperationLog
  readonly actor: string
  /** For names. */
  readonly rng: Rng
  readonly mistake?: Mistake
  readonly packs?: number
}

/** Runs one session; returns the name of its snapshot. */
export async function toyBackup(store: Store, opts: ToyOptions): Promise<string> {
  const { log, actor, rng, mistake, packs = 3 } = opts
  const is = (...mistakes: Mistake[]) => mistake !== undefined && mistakes.includes(mistake)
  const sid = randomHex(rng, 16)
  const intent = `sess/${sid}`
  const put = (name: string, text: string) => store.put(name, [Buffer.from(text)])
  const later: Promise<unknown>[] = []

  if (is('plans listed before the intent')) await readPlans(store, is('plan not read'))
  const intentPut = is('no intent') ? undefined : put(intent, `intent ${sid}`)
  if (is('intent not awaited')) later.push(intentPut!)
  else await intentPut
  if (is('index listed before the plans')) await listIndex(store, false)
  const plans = is('plans not listed', 'plans listed before the intent')
    ? undefined
    : readPlans(store, is('plan not read'))
  if (!is('index listed while the plans are read')) await plans
  if (!is('index listed before the plans')) await listIndex(store, is('only a part of the index listed'))
  await plans

  if (is('keys not awaited')) later.push(put(`skeys/${sid}`, 'keys'))
  else if (!is('no keys', 'keys after the packs')) await put(`skeys/${sid}`, 'keys')

  const names = Array.from({ length: packs }, (_, n) => packName(`${sid} ${n}`))
  const putPacks = async () => {
    if (is('index while a pack is put')) {
      await put(names[0]!, 'pack')
      later.push(...names.slice(1).map((name) => put(name, 'pack')))
    } else {
      await Promise.all(names.map((name) => put(name, 'pack')))
    }
  }
  const index = `index/${sha256(`index ${sid}`)}`
  if (is('index before its packs')) await put(index, names.join(' '))
  await putPacks()
  if (is('keys after the packs')) await put(`skeys/${sid}`, 'keys')
  if (is('index not awaited before the snapshot')) later.push(put(index, names.join(' ')))
  else if (is('failed index ignored')) await put(index, names.join(' ')).catch(() => {})
  else if (!is('index before its packs')) await put(index, names.join(' '))
  await Promise.all(is('index while a pack is put') ? later : [])
  if (is('pack in no index')) await put(packName(`${sid} more`), 'pack')
  if (is('pack under way at the snapshot')) later.push(put(packName(`${sid} more`), 'pack'))

  if (is('end before the snapshot')) await put(`${intent}.end`, 'end')
  const snapshot = `snap/${'0'.repeat(32)}/0000000001-${sha256(sid)}`
  const snapshotPut = put(snapshot, 'snapshot')
  if (is('intent seen before the snapshot is acknowledged')) await store.stat(intent)
  if (is('success without a snapshot acknowledged')) later.push(snapshotPut)
  else await snapshotPut
  if (is('overwrites its snapshot')) await put(snapshot, 'another')
  const skip = is(
    'success before the intent is seen again',
    'intent seen before the snapshot is acknowledged',
    'end before the intent is seen again',
  )
  if (!skip && (await store.stat(intent)) === null && !is('no intent')) throw new Error('fenced')
  if (is('end before the intent is seen again')) await put(`${intent}.end`, 'end')
  log.mark(actor, SUCCESS)
  if (is('success before the intent is seen again')) await store.stat(intent)
  await put(`${intent}.end`, 'end')
  if (is('pack after the end')) await put(packName(`${sid} more`), 'pack')
  if (is('deletes')) await store.delete(intent)
  await Promise.all(later)
  return snapshot
}

async function readPlans(store: Store, notOne: boolean): Promise<void> {
  const plans: string[] = []
  for await (const { name } of listAll(store, 'gc/')) plans.push(name)
  for (const name of notOne ? plans.slice(1) : plans) await store.get(name)
}

async function listIndex(store: Store, onlyPart: boolean): Promise<void> {
  for await (const _ of listAll(store, 'index/')) if (onlyPart) return
}

export function packName(of: string): string {
  const hash = sha256(of)
  return `data/${hash.slice(0, 2)}/${hash}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function randomHex(rng: Rng, bytes: number): string {
  return Array.from({ length: bytes }, () =>
    Math.floor(rng() * 256)
      .toString(16)
      .padStart(2, '0'),
  ).join('')
}
