// `holdfast key export` and `key import`: sealed copies of key slots outside of the store.
import { readFileSync, statSync } from 'node:fs'
import { BackupError, codeOf, doingSync } from '../base/errors.ts'
import { KEY_SLOT_SIZE_MAX } from '../format/key-slot.ts'
import { findSlotName, readSlots } from '../repo/keys/key-slots.ts'
import { copyOfSlot, putCopyOfSlot } from '../repo/keys/slot-copies.ts'
import type { Context } from './context.ts'
import { keyId, shortKey } from './key-commands.ts'
import { plainPath } from './native-text.ts'
import { writeNewFile } from './new-file.ts'
import { withStore } from './repository.ts'

export async function exportKey(context: Context, spec: string, target: string): Promise<void> {
  const { initHashing } = await import('../crypto/hash.ts')
  await initHashing()
  const file = plainPath(target)
  await withStore(context, async (store) => {
    const name = findSlotName(
      (await readSlots(store)).slots.map((slot) => slot.name),
      spec,
    )
    writeNewFile('writing the copy of a key', file, await copyOfSlot(store, name))
    context.out.line(`wrote key ${shortKey(name)} to ${file}`)
    context.out.record({ type: 'key_change', action: 'exported', id: keyId(name) })
  })
}

export async function importKey(context: Context, source: string): Promise<void> {
  const { initHashing } = await import('../crypto/hash.ts')
  await initHashing()
  const file = plainPath(source)
  const bytes = doingSync('reading the copy of a key', file, () => {
    if (statSync(file).size <= KEY_SLOT_SIZE_MAX) return new Uint8Array(readFileSync(file))
    throw new BackupError('usage', 'this is too large for a key', file)
  })
  await withStore(
    context,
    async (store) => {
      const name = await putCopyOfSlot(store, bytes, file).catch((cause: unknown) => {
        if (!['corrupt', 'unsupported'].includes(codeOf(cause))) throw cause
        throw new BackupError('usage', 'this is no whole copy of a key', file, {
          cause,
          hint: 'give what `holdfast key export` has written',
        })
      })
      context.out.line(`put key ${shortKey(name)} back`)
      context.out.record({ type: 'key_change', action: 'imported', id: keyId(name) })
      context.reporter.note(
        'A copy has the domains and keys of its time. Where the key was removed since, or new keys were made, make a new one with `holdfast key add`.',
      )
    },
    'write',
  )
}
