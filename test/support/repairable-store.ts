// A store in memory whose objects can be replaced, as those of a folder can: for tests of parity and repair.
import { concatBytes } from '../../src/base/bytes.ts'
import { checkPut } from '../../src/store/object-names.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

export class RepairableStore extends MemoryStore {
  async replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    checkPut(name, parts)
    if ((await this.stat(name)) === null) return false
    this.damage(name, concatBytes(parts))
    return true
  }
}
