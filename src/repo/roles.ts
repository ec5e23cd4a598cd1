// What each role has and may do (docs/format.md, 3.3). A bundle of a lesser role is that of an administrator with fields
// left out; what a writer may do is in its certificate, which the root key signs.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { KEY_SIZE } from '../crypto/hash.ts'
import type { Bundle, Domain, Role } from '../format/bundle.ts'
import { reportKeyOf } from '../format/snapshot-summary.ts'

/**
 * What a writer signs: snapshots; what is stored for them (keys of sessions, sessions, index segments); plans of what is to
 * be deleted; records of the log, each kind of which has rights of its own (log.ts).
 */
export type Act = 'snapshot' | 'store' | 'plan' | 'log'

const ACTS: Readonly<Record<Role, readonly Act[]>> = {
  admin: ['snapshot', 'store', 'plan', 'log'],
  read: ['snapshot', 'store', 'log'],
  maintain: ['store', 'plan', 'log'],
  write: ['snapshot', 'store', 'log'],
  report: [],
}

/** What a writer has signed counts for nothing, because its certificate does not permit it: it is no damage. */
export class NotPermitted extends BackupError {
  constructor(who: string, subject: string) {
    super('corrupt', `signed by ${who}, who may not`, subject, {
      hint: 'nothing of it is used; the machine of that writer may be in the wrong hands',
    })
  }
}

/** Whether that is the reason of an error. */
export function isNotPermitted(error: unknown): boolean {
  return error instanceof NotPermitted || (error instanceof BackupError && isNotPermitted(error.cause))
}

/** Throws `NotPermitted` unless what a writer of this role signs counts as such an act. */
export function checkAct(role: Role, act: Act, subject: string): void {
  if (!ACTS[role].includes(act)) throw new NotPermitted(`a writer with the role ${role}`, subject)
}

/** What something that somebody wants to do takes of his key. */
export type Need = 'history' | 'names' | 'files' | 'backup' | 'upkeep' | 'admin'

const NEEDS: Readonly<Record<Need, { readonly text: string; readonly roles: readonly Role[] }>> = {
  history: { text: 'a key that may see the history', roles: ['admin', 'read', 'maintain', 'write'] },
  names: { text: 'a key that can read names and trees', roles: ['admin', 'read', 'maintain'] },
  files: { text: 'a key that can read files', roles: ['admin', 'read'] },
  backup: { text: 'a key that can make backups', roles: ['admin', 'read', 'write'] },
  upkeep: { text: 'a key that may delete', roles: ['admin', 'maintain'] },
  admin: { text: 'the key of an administrator', roles: ['admin'] },
}

/** The credential in use has not what is needed: where nobody has chosen it, another one may be asked for. */
export class RoleLacks extends BackupError {
  constructor(role: Role, { need, what, location, by = 'this one' }: Needed) {
    const { text, roles } = NEEDS[need]
    super('wrong-key', `${what} takes ${text}, and ${by} has the role ${role}`, location, {
      hint: `with the role ${role} one ${ROLE_TEXTS[role]}: open the repository with a key of the role ${alternatives(roles)}`,
    })
  }
}

export interface Needed {
  readonly need: Need
  /** As in: pruning takes …. */
  readonly what: string
  readonly location: string
  /** Which credential it is, as in: `the key of this machine`. */
  readonly by?: string
}

/** Throws `wrong-key` unless a credential of this role has what is needed; the one place that says so. */
export function checkNeed(role: Role, needed: Needed): void {
  if (!hasNeed(role, needed.need)) throw new RoleLacks(role, needed)
}

export function hasNeed(role: Role, need: Need): boolean {
  return NEEDS[need].roles.includes(role)
}

function alternatives(words: readonly string[]): string {
  const last = words.at(-1)!
  return words.length === 1 ? last : `${words.slice(0, -1).join(', ')} or ${last}`
}

/** What somebody with each role can do, for people. */
export const ROLE_TEXTS: Readonly<Record<Role, string>> = {
  admin: 'can do everything, and let others in',
  read: 'can read and restore all backups, and make new ones where a machine was let in with it',
  maintain: 'can see names and trees, and cannot read files',
  write: 'can make backups, and cannot read or delete any',
  report: 'sees when backups were made and how large they are, and no name of anything',
}

export interface Restriction {
  readonly role: Role
  /** Names or ids (hex) of domains; all unless given. */
  readonly domains?: readonly string[]
  readonly random: SecureRandom
}

/**
 * The bundle for somebody with a lesser role, with a local state key of its own. Throws `wrong-key` when this bundle has
 * not what the role needs, `not-found` for a domain that it does not have.
 */
export function restrictBundle(bundle: Bundle, { role, domains: wanted, random }: Restriction): Bundle {
  const chosen = wanted === undefined ? bundle.domains : wanted.map((spec) => domainOf(bundle, spec))
  return bundleOf(bundle, chosen, { role, localKey: random(KEY_SIZE) })
}

/** What a role has of these domains of `bundle`. Throws `wrong-key` when that has not what the role needs. */
export function bundleOf(
  bundle: Bundle,
  chosen: readonly Domain[],
  { role, localKey }: Pick<Bundle, 'role' | 'localKey'>,
): Bundle {
  const { repoId, rootPublic, rootSeed } = bundle
  if (chosen.length === 0) throw cannotGive(role, bundle)
  if (role === 'report') {
    const reports = chosen.map((domain) => {
      const { id, name, isPublic } = domain
      return { id, name, keyReport: reportKeyOf(domain), ...(isPublic === true && { isPublic }) }
    })
    return { repoId, role, domains: [], reports, rootPublic, localKey }
  }
  const domains = chosen.map((domain) => restrictDomain(domain, role))
  if (domains.some((domain) => !hasAll(domain, role))) throw cannotGive(role, bundle)
  if (role !== 'admin') return { repoId, role, domains, rootPublic, localKey }
  if (rootSeed === undefined) throw cannotGive(role, bundle)
  return { repoId, role, domains, rootPublic, rootSeed, localKey }
}

/** The domain of that name or id. */
export function domainOf(bundle: Bundle, spec: string): Domain {
  const found = bundle.domains.find(({ name, id }) => name === spec || toHex(id) === spec)
  if (found !== undefined) return found
  const known = bundle.domains.map(({ name }) => name).join(', ')
  throw new BackupError('not-found', 'no such domain, or not one of this key', spec, { hint: `there are: ${known}` })
}

function restrictDomain(domain: Domain, role: Role): Domain {
  const { older, ...newest } = domain
  return {
    ...restrictKeys(newest, role),
    ...(older !== undefined && { older: older.map((keys) => restrictKeys(keys, role)) }),
  }
}

function restrictKeys<K extends Pick<Domain, 'dataPrivate' | 'metaPrivate'>>(keys: K, role: Role) {
  const { dataPrivate, metaPrivate, ...shared } = keys
  const readsTrees = role !== 'write'
  const readsFiles = role === 'read' || role === 'admin'
  return {
    ...shared,
    ...(readsFiles && dataPrivate !== undefined && { dataPrivate }),
    ...(readsTrees && metaPrivate !== undefined && { metaPrivate }),
  }
}

function hasAll({ dataPrivate, metaPrivate }: Domain, role: Role): boolean {
  if (role === 'write') return true
  return metaPrivate !== undefined && (role === 'maintain' || dataPrivate !== undefined)
}

export function cannotGive(role: Role, { role: own }: Bundle): BackupError {
  return new BackupError('wrong-key', `a key with the role ${own} cannot make one with the role ${role}`, role, {
    hint: 'open the repository with the key of an administrator',
  })
}
