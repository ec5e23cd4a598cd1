/** What the name of a snapshot or of a log record and the store tell: a place in a chain of its writer, and what lies there. */
export interface ListedLink {
  readonly objectName: string
  /** Hash of the object, hex. */
  readonly id: string
  readonly wid: string
  readonly seq: number
  readonly storedSize: number
  readonly receivedMs: number
}
