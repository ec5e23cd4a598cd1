// What stands on a sheet that is printed and kept: for recovery, or one share of several.
import { toHex } from '../../base/bytes.ts'
import { recoveryWords } from '../../credentials/recovery-words.ts'
import { shareLine, shareWords } from '../../credentials/share.ts'
import type { Share } from '../../credentials/share.ts'
import type { ShareNumbers } from '../../credentials/shares.ts'
import { formatKeyFile } from '../../crypto/keyfile.ts'
import { escapeText, quoteForShell } from '../escape.ts'

export interface Sheet {
  readonly title: string
  readonly paragraphs: readonly string[]
  readonly facts: readonly (readonly [what: string, value: string])[]
  readonly words: readonly string[]
  /** What the QR code says. */
  readonly code: string
  readonly steps: readonly Step[]
}

/** Something to know, or a command to type. */
export type Step = string | { readonly command: string }

/** What every sheet of a repository says. */
export interface SheetFacts {
  readonly repoId: Uint8Array
  /** In words that a person reads. */
  readonly created: string
  /** Left out when whoever finds the sheet shall not learn it. */
  readonly location?: string
  /** Empty for none. */
  readonly label: string
  /** Other keys are needed besides. */
  readonly together: boolean
}

export function recoverySheet(secret: Uint8Array, facts: SheetFacts): Sheet {
  return {
    title: 'Holdfast recovery sheet',
    paragraphs: [
      facts.together
        ? 'The words on this sheet, together with other keys, open the backup repository named here. Keep the sheet apart from those.'
        : 'The words on this sheet open the backup repository named here when every other key of it is lost. Whoever has them and the repository can open it: keep the sheet where only those find it who may.',
    ],
    facts: factLines(facts),
    words: recoveryWords(secret),
    code: formatKeyFile(secret).trim(),
    steps: [
      'Install Holdfast. This lists the snapshots; it asks for the words, of which four letters each are enough:',
      command(facts, '--recovery-words', 'snapshots'),
      'This brings everything back into a new folder:',
      command(facts, '--recovery-words', 'restore latest --target restored'),
      'The code says the same as the words. What a code reader shows, saved in a file, is a key file:',
      command(facts, '--key-file FILE', 'snapshots'),
    ],
  }
}

export function shareSheet(share: Share, { threshold, count }: ShareNumbers, facts: SheetFacts): Sheet {
  const set = toHex(share.set)
  return {
    title: `Holdfast share ${share.number} of ${count}`,
    paragraphs: [
      `Any ${threshold} of ${count} sheets like this one together${facts.together ? ', with other keys besides,' : ''} open the backup repository named here. Fewer tell nothing at all. Keep the sheets apart, each with somebody who may be asked for it.`,
    ],
    facts: [...factLines(facts), ['Set', `${set}, of which ${threshold} sheets are needed`]],
    words: shareWords(share),
    code: shareLine(share),
    steps: [
      `Bring ${threshold} sheets of set ${set} together and install Holdfast. This lists the snapshots; it asks for the words of one sheet after the other, of which four letters each are enough:`,
      command(facts, '--share -', 'snapshots'),
      'This brings everything back into a new folder:',
      command(facts, '--share -', 'restore latest --target restored'),
      'The code says the same as the words. What a code reader shows can be saved in a file for --share FILE.',
    ],
  }
}

function factLines({ repoId, created, location, label }: SheetFacts): [string, string][] {
  return [
    ['Repository', toHex(repoId)],
    ...(location === undefined ? [] : [['Place', escapeText(location)] as [string, string]]),
    ...(label === '' ? [] : [['Label', escapeText(label)] as [string, string]]),
    ['Made', created],
  ]
}

function command({ location, together }: SheetFacts, flags: string, rest: string): Step {
  const place = location === undefined ? 'PLACE' : quoteForShell(location)
  return { command: `holdfast --repo ${place} ${together ? '--together ' : ''}${flags} ${rest}` }
}
