// Run by fs-crash.test.ts as a process of its own: puts objects into a local store until it is killed or done.
//   forever: packs named by the hash of their bytes, some whole and some in pieces; each acknowledged name is written to standard output
//   same:    fifty names that every such process puts; those that this one made are written
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openFsStore } from '../../src/store/fs-store.ts'

const [root, mode, id] = process.argv.slice(2) as [string, string, string]
const store = await openFsStore(root, { create: false })

if (mode === 'forever') {
  writeSync(1, 'ready\n')
  for (let n = 0; ; n += 2) {
    await Promise.all([putPack(n), putPack(n + 1)])
  }
}

for (let n = 0; n < 50; n++) {
  const { created } = await store.put(`keys/${n}`, [Buffer.from(id), new Uint8Array(n)])
  if (created) writeSync(1, `keys/${n}\n`)
}

async function putPack(n: number): Promise<void> {
  const size = 500_000 + ((n * 77_777) % 3_000_000)
  const parts = [Buffer.from(`${id} ${n}`), Buffer.alloc(size / 2, n), Buffer.alloc(size / 2, n + 1)]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  const digest = hash.digest('hex')
  const name = `data/${digest.slice(0, 2)}/${digest}`
  if (n % 3 === 0) await store.put(name, parts)
  else {
    const staged = store.stage()
    for (const part of parts) await staged.append([part])
    await staged.commit(name)
  }
  writeSync(1, `${name}\n`)
}
