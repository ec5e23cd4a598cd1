// Builds the kernel.wasm of a folder from its assembly/: `sh tools/with-node.sh tools/build-kernel.ts src/parity` writes it,
// `compileKernel` only returns it.
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import asc from 'assemblyscript/asc'

/** The compiled module of that folder. Throws with the compiler's messages. */
export async function compileKernel(folder: string): Promise<Uint8Array> {
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
      readFile: (name, base) => readFile(join(folder, base, name), 'utf8').catch(() => null),
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
  for (const folder of process.argv.slice(2)) {
    const wasm = await compileKernel(resolve(folder))
    await writeFile(join(folder, 'kernel.wasm'), wasm)
    process.stdout.write(`${join(folder, 'kernel.wasm')}: ${wasm.length} bytes\n`)
  }
}
