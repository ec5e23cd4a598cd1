// The steps of the protocol (docs/format.md, section 10) as a store sees them: which one a request belongs to. By them a
// process of a history is made to die or to sleep at a certain place, and it is counted whether every place was met.
import { parseObjectName } from '../../../src/format/names.ts'
import type { Operation } from '../../../src/store/recording-store.ts'

export type Role = 'backup' | 'prune' | 'forget' | 'recall' | 'purge' | 'check' | 'repair'

type Kind = Exclude<Operation['kind'], 'mark'>

/** What each role does, in the order in which it does it for the first time. */
export const STEPS = {
  backup: [
    'put intent',
    'list plans',
    'list index',
    'list packs',
    'put keys',
    'put pack',
    'put index',
    'put snapshot',
    'look for intent',
    'put end',
  ],
  prune: [
    'list snapshots',
    'list trash',
    'list plans',
    'list index',
    'list packs',
    'read pack',
    'put pack',
    'put index',
    'put plan',
    'list sessions',
    'delete intent',
    'delete index',
    'delete pack',
    'put record',
    'delete plan',
    'delete keys',
  ],
  forget: ['put copy', 'look for snapshot', 'put record', 'look for copy', 'delete snapshot'],
  recall: ['read copy', 'put copy', 'look for copy', 'put snapshot', 'put record', 'look for snapshot'],
  purge: ['list trash', 'list snapshots', 'put record', 'delete copy'],
  check: ['list everything', 'list index', 'list trash', 'read pack'],
  repair: [
    'list plans',
    'list index',
    'list snapshots',
    'read pack',
    'replace pack',
    'replace index',
    'replace snapshot',
    'replace keys',
    'put pack',
    'put intent',
    'put keys',
    'put index',
    'put end',
    'put damaged',
    'delete index',
    'put record',
  ],
} as const satisfies Record<Role, readonly string[]>

/** For example `prune: put plan`; undefined for a request that is no step of its own. */
export function stepOf(role: Role, kind: Kind, name: string): string | undefined {
  const words = `${VERBS[kind]} ${nounOf(kind, name)}`
  return (STEPS[role] as readonly string[]).includes(words) ? `${role}: ${words}` : undefined
}

/** What only somebody does who looks whether all is whole. */
export function isInspecting(step: string): boolean {
  return step.startsWith('check:') || step.startsWith('repair:')
}

export function allSteps(): string[] {
  return Object.entries(STEPS).flatMap(([role, steps]) => steps.map((step) => `${role}: ${step}`))
}

const VERBS: Readonly<Record<Kind, string>> = {
  put: 'put',
  get: 'read',
  stat: 'look for',
  list: 'list',
  delete: 'delete',
  keep: 'keep',
  replace: 'replace',
}

const LISTS: Readonly<Record<string, string>> = {
  '': 'everything',
  'snap/': 'snapshots',
  'trash/': 'trash',
  'gc/': 'plans',
  'index/': 'index',
  'data/': 'packs',
  'meta/': 'packs',
  'sess/': 'sessions',
}

const NOUNS: Readonly<Record<string, string>> = {
  session: 'intent',
  'session-end': 'end',
  'session-keys': 'keys',
  pack: 'pack',
  index: 'index',
  snapshot: 'snapshot',
  plan: 'plan',
  log: 'record',
  trash: 'copy',
  'set-aside': 'damaged',
}

function nounOf(kind: Kind, name: string): string {
  if (kind === 'list') return LISTS[name] ?? name
  return NOUNS[parseObjectName(name)?.kind ?? ''] ?? name
}
