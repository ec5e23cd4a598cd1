// Writes the vectors anew: `sh tools/with-node.sh test/vectors/generate.ts`. A file that then differs from the committed
// one means that the format changed; crypto.json is not written, it was made with other libraries.
import { writeFileSync } from 'node:fs'
import { initHashing } from '../../src/crypto/hash.ts'
import { sectionJson, toJson } from './section.ts'
import type { Json } from './section.ts'
import { SECTIONS, TABLES } from './sections.ts'

export function vectorFiles(): Map<string, Json> {
  const files = new Map<string, Json>()
  for (const section of SECTIONS) files.set(section.file, sectionJson(section))
  for (const { file, make } of TABLES) files.set(file, toJson(make()))
  return files
}

if (import.meta.main) {
  await initHashing()
  for (const [file, content] of vectorFiles()) {
    writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(content, null, 1)}\n`)
  }
}
