import type { CborWriter } from '../../../src/base/cbor.ts'
import { decodeLogRecord, encodeLogRecord, logNameOf } from '../../../src/format/log-record.ts'
import type { LogAction } from '../../../src/format/log-record.ts'
import { OBJECT_TYPES } from '../../../src/format/object-header.ts'
import { signObject, writerIdOf } from '../../../src/format/signed-object.ts'
import { fixedBytes, fixedRepoId, fixedSealer, fixedSigner } from '../../support/format-keys.ts'
import { sampleLogActions, sampleLogBody } from '../../support/object-samples.ts'
import { cbor, flipped, withFields } from '../section.ts'
import type { FailCase, OkCase, Section } from '../section.ts'

const writer = () => ({ sealer: fixedSealer(), signer: fixedSigner() })
const head = () => ({ repoId: fixedRepoId(), seq: 2, previous: fixedBytes('vector previous record') })
const wid = () => writerIdOf(fixedSigner().publicKey)
const record = (action: LogAction) => encodeLogRecord(head(), sampleLogBody(action), writer())

function successes(): OkCase[] {
  return sampleLogActions.map((action) => ({
    name: `a record: ${titleOf(action)}`,
    kind: 'log record',
    bytes: record(action),
    value: {
      name: logNameOf(record(action)),
      head: { ...head(), wid: wid() },
      body: sampleLogBody(action),
    },
  }))
}

/** Signed anew with other bytes in the clear, or with another body. */
function altered(change: (clear: Uint8Array) => void, seal = true): Uint8Array {
  const bytes = record(sampleLogActions[0]!)
  const clear = bytes.slice(8, 80)
  const body = fixedSealer().open(OBJECT_TYPES.logRecord, clear, bytes.subarray(80, -64), 'vector')
  change(clear)
  const sealed = seal ? fixedSealer().seal(OBJECT_TYPES.logRecord, clear, body) : bytes.subarray(80, -64)
  return signObject(OBJECT_TYPES.logRecord, 1, [clear, sealed], fixedSigner())
}

function withBody(changes: Readonly<Record<number, Uint8Array | null>>): Uint8Array {
  const bytes = record(sampleLogActions[0]!)
  const clear = bytes.slice(8, 80)
  const body = fixedSealer().open(OBJECT_TYPES.logRecord, clear, bytes.subarray(80, -64), 'vector')
  const sealed = fixedSealer().seal(OBJECT_TYPES.logRecord, clear, withFields(body, changes))
  return signObject(OBJECT_TYPES.logRecord, 1, [clear, sealed], fixedSigner())
}

/** An action of that kind with these fields. */
function withAction(kind: number, fields: (w: CborWriter) => CborWriter): Uint8Array {
  return withBody({ 2: cbor((w) => w.uint(kind)), 3: cbor((w) => fields(w.openMap()).closeMap()) })
}

const filled = (digit: number) => new Uint8Array(32).fill(digit)
const attested = (w: CborWriter, digit: number) => w.array(2).bytes(filled(digit)).bytes(filled(9))
const revoked = (w: CborWriter) => w.key(0).bytes(wid()).key(1).uint(1).key(3)

function failures(): FailCase[] {
  const good = record(sampleLogActions[0]!)
  const fail = (name: string, bytes: Uint8Array): FailCase => ({ name, kind: 'log record', bytes, error: 'corrupt' })
  return [
    fail('a damaged signature', flipped(good, -1)),
    fail('a damaged byte', flipped(good, 30)),
    fail('a record that ends early', good.slice(0, -1)),
    fail(
      'a record that another key signed',
      signObject(OBJECT_TYPES.logRecord, 1, [good.subarray(8, -64)], fixedSigner('other')),
    ),
    fail(
      'a record of another repository',
      altered((clear) => clear.fill(7, 0, 16)),
    ),
    fail(
      'a record in the name of another writer',
      altered((clear) => clear.fill(7, 16, 32)),
    ),
    fail(
      'number 0',
      altered((clear) => clear.fill(0, 32, 40)),
    ),
    fail(
      'a first record that follows another',
      altered((clear) => (clear[32] = 1)),
    ),
    fail(
      'a second record that follows none',
      altered((clear) => clear.fill(0, 40, 72)),
    ),
    fail(
      'a sealed part of another place in the chain',
      altered((clear) => (clear[32] = 3), false),
    ),
    fail('no key 0', withBody({ 0: null })),
    fail('no key 3', withBody({ 3: null })),
    fail('no kind before its action', withBody({ 2: null })),
    fail('an action of another kind', withBody({ 2: cbor((w) => w.uint(2)) })),
    fail(
      'a forgotten snapshot without a hash',
      withBody({ 3: cbor((w) => w.openMap().key(0).array(1).array(2).bytes(wid()).uint(1).closeMap()) }),
    ),
    fail('nothing forgotten', withBody({ 3: cbor((w) => w.openMap().key(0).array(0).closeMap()) })),
    fail(
      'more copies than forgotten snapshots',
      withAction(1, (w) =>
        w.key(0).array(1).array(3).bytes(wid()).uint(1).bytes(filled(1)).key(3).array(2).bytes(wid()).bytes(wid()),
      ),
    ),
    fail(
      'a copy of a snapshot that was brought back without its whole number',
      withAction(9, (w) =>
        w.key(0).array(1).array(3).bytes(wid()).uint(1).bytes(filled(1)).key(3).array(1).bytes(filled(1)),
      ),
    ),
    fail('no heads in a list', withBody({ 4: cbor((w) => w.array(0)) })),
    fail(
      'attested packs out of order',
      withAction(3, (w) =>
        attested(attested(w.key(0).array(2), 2), 1)
          .key(1)
          .array(0),
      ),
    ),
    fail(
      'an attested pack without its tables',
      withAction(3, (w) => w.key(0).array(1).array(1).bytes(filled(1)).key(1).array(0)),
    ),
    fail(
      'a revoked writer without the list of what counts',
      withAction(2, (w) => w.key(0).bytes(wid()).key(1).uint(1)),
    ),
    fail(
      'snapshots of a revoked writer out of order',
      withAction(2, (w) => revoked(w).array(2).bytes(filled(2)).bytes(filled(1))),
    ),
    fail(
      'a record 0 of a revoked writer',
      withAction(2, (w) => revoked(w).array(0).key(4).array(2).uint(0).bytes(filled(1))),
    ),
  ]
}

export const logSection: Section = {
  file: 'log.json',
  about: 'docs/format.md 9.2: log records of every kind, the last one of a later version. Suite 1.',
  given: () => ({ repoId: fixedRepoId(), keyIdx: fixedBytes('K_idx'), writerPublicKey: fixedSigner().publicKey }),
  ok: successes,
  fail: failures,
  read: (_, bytes, subject) => {
    const keys = { publicKey: fixedSigner().publicKey, repoId: fixedRepoId(), sealer: fixedSealer() }
    const { head, body } = decodeLogRecord(bytes, subject, keys)
    return { name: logNameOf(bytes), head, body }
  },
}

function titleOf(action: LogAction): string {
  return action.kind === 'hold' ? `hold, ${action.hold}` : action.kind
}
