// Builds kernel.wasm from assembly/: `sh tools/with-node.sh src/parity/build.ts` writes it, `compileKernel` only returns it.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'

const FOLDER = import.meta.dirname

/** The compiled module. Throws with the compiler's messages. */
export async function compileKernel(): Promise<Uint8Array> {
  let wasm: Uint8Array | undefined
  const { error, stderr } = await asc.main(
    [
      'assembly/index.ts',
      '--outFile=kernel.wasm',
      '-O3',
      '--noAssert',
      '--runtime=stub',
      '--enable=simd',
      '--enable=bulk-memory',
      '--importMemory',
      '--use=abort=',
    ],
    {
      readFile: (name, base) => readFile(join(FOLDER, base, name), 'utf8').catch(() => null),
      writeFile: (_name, contents) => {
        if (typeof contents !== 'string') wasm = contents
      },
      listFiles: () => [],
    },
  )
  if (error !== null || wasm === undefined) throw new Error(`asc failed: ${String(error)}\n${stderr.toString()}`)
  return wasm
}

if (import.meta.main) {
  const wasm = await compileKernel()
  await writeFile(join(FOLDER, 'kernel.wasm'), wasm)
  process.stdout.write(`kernel.wasm: ${wasm.length} bytes\n`)
}
