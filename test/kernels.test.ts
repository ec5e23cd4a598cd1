// WebAssembly that is committed is what its source says.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileKernel } from '../tools/build-kernel.ts'

for (const folder of ['src/chunker', 'src/parity']) {
  test(`kernel.wasm of ${folder} is what its source compiles to`, async () => {
    const path = join(import.meta.dirname, '..', folder)
    const committed = readFileSync(join(path, 'kernel.wasm'))
    assert.ok(
      committed.equals(await compileKernel(path)),
      `run \`sh tools/with-node.sh tools/build-kernel.ts ${folder}\``,
    )
  })
}
