// What an audit finds. A finding means that the history is not what it should be; a remark is worth knowing, no more.
export type FindingKind =
  | 'missing' // something was there, and no record says why it is gone
  | 'forked' // two objects claim one place of a chain
  | 'damaged' // bytes are not what they were
  | 'forged' // of another repository, or not signed by a writer of this one
  | 'not-permitted' // signed by a writer whose role does not permit it
  | 'back-dated' // times contradict one another
  | 'withheld' // a writer was not shown what had been there for long
  | 'flood' // more than anybody backs up
  | 'rolled-back' // an older description is in use than was seen
  | 'other-repository' // the checkpoint is of another repository

export interface Finding {
  readonly kind: FindingKind
  /** Name of the object that it is about, or the beginning of names. */
  readonly object: string
  readonly message: string
}

/** The first ones are kept: whoever forges can forge many. */
export const FINDINGS_MAX = 10_000

export class Findings {
  readonly list: Finding[] = []
  readonly remarks: string[] = []
  count = 0

  add(kind: FindingKind, object: string, message: string): void {
    this.count++
    if (this.list.length < FINDINGS_MAX) this.list.push({ kind, object, message })
  }

  remark(message: string): void {
    if (this.remarks.length < FINDINGS_MAX) this.remarks.push(message)
  }
}
