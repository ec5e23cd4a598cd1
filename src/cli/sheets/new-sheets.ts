// `holdfast key add --recovery-sheet` and `--shares`: makes a credential and prints it. Sheets are written before there is
// a key slot for them; when that fails they are removed, for a sheet that opens nothing must not lie in a safe.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { doingSync, BackupError } from '../../base/errors.ts'
import { secureRandom } from '../../base/random.ts'
import { timespecFromMs } from '../../base/time.ts'
import type { NewCredential } from '../../credentials/credential.ts'
import type { ShareNumbers } from '../../credentials/shares.ts'
import type { Context } from '../context.ts'
import { plainPath } from '../native-text.ts'
import { writeNewFile } from '../new-file.ts'
import { formatLocalTime } from '../units.ts'
import { qrCode } from './sheet-parts.ts'
import type { Sheet, SheetFacts } from './sheet.ts'

export interface SheetFlags {
  readonly recoverySheet?: string
  readonly shares?: ShareNumbers
  readonly sheets?: string
  readonly text?: boolean
  readonly printLocation?: boolean
}

export interface NewSheets {
  readonly credential: NewCredential
  /** For a note: `the words of sheet.pdf`. */
  readonly what: string
  /** Removes what was written. */
  discard(): void
}

/** The repository that the sheets are for. */
export interface SheetPlace {
  readonly repoId: Uint8Array
  readonly location: string
  readonly label: string
  /** Other keys are needed besides. */
  readonly together: boolean
}

const STANDARD_OUTPUT = '-'

/** Undefined when no sheet is asked for. Throws `usage`. */
export async function newSheets(
  context: Context,
  flags: SheetFlags,
  { repoId, location, label, together }: SheetPlace,
): Promise<NewSheets | undefined> {
  const { recoverySheet: target, shares, sheets: folder } = flags
  checkFlags(context, flags)
  const written: string[] = []
  const discard = () => {
    for (const file of written) rmSync(file, { force: true })
  }
  const facts: SheetFacts = {
    repoId,
    created: formatLocalTime(timespecFromMs(context.clock.now())),
    label,
    together,
    ...(flags.printLocation === true && { location }),
  }
  const put = async (sheet: Sheet, file: string, asPdf: boolean) => {
    const content = await renderSheet(context, sheet, file, asPdf)
    if (content === undefined) return
    writeNewFile('writing the sheet', file, content)
    written.push(file)
  }
  if (target !== undefined) {
    const [{ recoverySheet }, { newKeyFileSecret }] = await Promise.all([
      import('./sheet.ts'),
      import('../../crypto/keyfile.ts'),
    ])
    const secret = newKeyFileSecret(secureRandom)
    const file = target === STANDARD_OUTPUT ? target : plainPath(target)
    await put(recoverySheet(secret, facts), file, file.endsWith('.pdf'))
    const what = file === STANDARD_OUTPUT ? 'these words' : `the words of ${file}`
    return { credential: { kind: 'key-file', secret, detail: 'recovery sheet' }, what, discard }
  }
  if (shares === undefined || folder === undefined) return undefined
  const [{ shareSheet }, { checkShareNumbers, newShares }] = await Promise.all([
    import('./sheet.ts'),
    import('../../credentials/shares.ts'),
  ])
  checkShareNumbers(shares, '--shares')
  const credential = newShares(shares, secureRandom, async (made) => {
    const ending = flags.text === true ? 'txt' : 'pdf'
    const path = folder === STANDARD_OUTPUT ? undefined : plainPath(folder)
    if (path !== undefined)
      doingSync('making the folder', path, () => mkdirSync(path, { recursive: true, mode: 0o700 }))
    try {
      for (const share of made) {
        const name = `share-${share.number}-of-${shares.count}.${ending}`
        await put(
          shareSheet(share, shares, facts),
          path === undefined ? STANDARD_OUTPUT : join(path, name),
          ending === 'pdf',
        )
      }
    } catch (error) {
      discard()
      throw error
    }
  })
  return { credential, what: `${shares.threshold} of the ${shares.count} shares`, discard }
}

/** What to write into the file; undefined when it was printed. */
async function renderSheet(
  { out }: Context,
  sheet: Sheet,
  file: string,
  asPdf: boolean,
): Promise<Uint8Array | string | undefined> {
  const code = await qrCode(sheet.code)
  if (asPdf && file !== STANDARD_OUTPUT) return (await import('./sheet-pdf.ts')).sheetPdf(sheet, code)
  const { sheetText } = await import('./sheet-text.ts')
  if (file !== STANDARD_OUTPUT) return sheetText(sheet, code, { forTerminal: false })
  out.text(`${sheetText(sheet, code, { forTerminal: out.isTerminal })}\n`)
  return undefined
}

function checkFlags({ out }: Context, { recoverySheet, shares, sheets, text, printLocation }: SheetFlags): void {
  const refuse = (what: string, subject: string, hint: string) => new BackupError('usage', what, subject, { hint })
  if (recoverySheet !== undefined && shares !== undefined) {
    throw refuse('two kinds of sheets', '--recovery-sheet and --shares', 'add one after the other')
  }
  if (recoverySheet !== undefined && recoverySheet !== STANDARD_OUTPUT && !/\.(pdf|txt)$/.test(recoverySheet)) {
    throw refuse('a sheet is a .pdf or a .txt', recoverySheet, 'name it so, or print it with --recovery-sheet -')
  }
  if (shares !== undefined && sheets === undefined) {
    throw refuse(
      'the shares need a place',
      '--shares',
      'name a folder with --sheets FOLDER, or print them with --sheets -',
    )
  }
  if (sheets !== undefined && shares === undefined) {
    throw refuse('sheets of nothing', '--sheets', 'say how many with --shares 3/5')
  }
  if (text === true && shares === undefined) {
    throw refuse('this is for the sheets of shares', '--text', 'a recovery sheet is text when its name ends in .txt')
  }
  if (printLocation === true && recoverySheet === undefined && shares === undefined) {
    throw refuse('there is no sheet to print it on', '--print-location', 'add --recovery-sheet FILE or --shares K/N')
  }
  if (out.json && (recoverySheet === STANDARD_OUTPUT || sheets === STANDARD_OUTPUT)) {
    throw refuse('a sheet is no JSON', '--json', 'name a file')
  }
}
