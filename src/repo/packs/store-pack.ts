// A finished pack on its way into the store: in one piece, or what is left of one that went there in pieces.
import type { Store } from '../../store/store.ts'
import type { FinishedPack } from './pack-assembler.ts'

/** Resolves when the pack is acknowledged. */
export async function storePack(into: Store, { objectName, parts, staged }: FinishedPack): Promise<void> {
  if (staged === undefined) await into.put(objectName, parts)
  else {
    await staged.append(parts)
    await staged.commit(objectName)
  }
}
