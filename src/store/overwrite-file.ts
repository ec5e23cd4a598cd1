// Overwriting a file where it lies. What that is worth depends on what is below: a disk that writes in place loses the bytes; a
// file system that copies on write, a snapshot of it, an SSD, or a journal of data may keep them.
import { chmod, open } from 'node:fs/promises'
import { secureRandom } from '../base/random.ts'

const PIECE_SIZE = 1024 * 1024

/** Writes random bytes over the whole file and waits until the disk has them. */
export async function overwriteFile(path: string): Promise<void> {
  // Objects are read-only for their owner too.
  await chmod(path, 0o600)
  const handle = await open(path, 'r+')
  try {
    const { size } = await handle.stat()
    const noise = secureRandom(Math.min(size, PIECE_SIZE))
    for (let at = 0; at < size;) {
      const { bytesWritten } = await handle.write(noise, 0, Math.min(noise.length, size - at), at)
      at += bytesWritten
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
}
