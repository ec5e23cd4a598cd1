// One thread of pipeline.ts.
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { createCipheriv } from 'node:crypto'
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { constants, zstdCompressSync } from 'node:zlib'
import { BUNDLE, type Job } from './pipeline.ts'

const PACK = 32 * 1024 * 1024

const { target, level } = workerData as { target: string; level: number }
const bundle = Buffer.alloc(BUNDLE)
const pack = Buffer.alloc(PACK)
const key = Buffer.alloc(32, 7)
let packed = 0
let packs = 0
let blocks = 0

parentPort!.on('message', (job: Job | null) => {
  if (job === null) {
    flush()
    parentPort!.close()
  } else {
    store(job)
  }
})

function store(job: Job): void {
  let filled = 0
  for (const { path, offset, length } of job.parts) {
    const fd = openSync(path, 'r')
    const read = readSync(fd, bundle, filled, length, offset)
    closeSync(fd)
    const hasher = Blake3Hasher.newKeyed(key)
    hasher.update(bundle.subarray(filled, filled + read))
    hasher.digestBuffer()
    filled += read
  }
  const compressed = zstdCompressSync(bundle.subarray(0, filled), {
    params: { [constants.ZSTD_c_compressionLevel]: level },
  })
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32LE(blocks++)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  append(cipher.update(compressed))
  cipher.final()
  append(cipher.getAuthTag())
}

function append(bytes: Buffer): void {
  if (packed + bytes.length > PACK) flush()
  bytes.copy(pack, packed)
  packed += bytes.length
}

function flush(): void {
  writeFileSync(`${target}-${packs++}`, pack.subarray(0, packed))
  packed = 0
}
