import type { Section } from './section.ts'
import { blockSection } from './sections/block.ts'
import { cborSection } from './sections/cbor.ts'
import { checkpointSection } from './sections/checkpoint.ts'
import { chunking, derivations } from './sections/keys.ts'
import { logSection } from './sections/log.ts'
import { objectsSection } from './sections/objects.ts'
import { packSection } from './sections/pack.ts'
import { paritySection } from './sections/parity.ts'
import { slotsSection } from './sections/slots.ts'
import { treeSection } from './sections/tree.ts'

/** Files of cases that are decoded. */
export const SECTIONS: readonly Section[] = [
  cborSection,
  treeSection,
  blockSection,
  packSection,
  paritySection,
  slotsSection,
  objectsSection,
  logSection,
  checkpointSection,
]

/** Files of inputs and outputs. */
export const TABLES: readonly { readonly file: string; readonly make: () => unknown }[] = [
  { file: 'keys.json', make: derivations },
  { file: 'chunking.json', make: chunking },
]
