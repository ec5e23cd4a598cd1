// What a running operation tells whoever started it. Operations never print and never see a terminal: the command line
// draws these events as a progress line or writes them as JSON lines (docs/json.md), a server sends them on.
// Events may be dropped by whoever listens; nothing that decides success is told by an event alone.
import type { ErrorCode } from '../base/errors.ts'

/** How far the work is. Sent as often as is cheap; whoever draws decides how often to redraw. */
export interface ProgressEvent {
  readonly type: 'progress'
  /** What is being done, for a person: `scanning`, `backing up`, `checking packs` … */
  readonly phase: string
  /** Files, objects or whatever `unit` says, that are finished. */
  readonly filesDone: number
  /** Absent while it is not known; of a backup, an estimate. */
  readonly filesTotal?: number | undefined
  /** Bytes of content that are finished. */
  readonly bytesDone: number
  readonly bytesTotal?: number | undefined
  /** What is being worked on now: a path as the file system gave it, or an object name. */
  readonly current?: Uint8Array | undefined
  /** What `filesDone` counts, plural; `files` when absent. */
  readonly unit?: string | undefined
}

/** Something went wrong with one item and the work goes on; `error` means that the result is not complete. */
export interface ProblemEvent {
  readonly type: 'warning' | 'error'
  /** A path as the file system gave it, or an object name; absent when the problem is with no item in particular. */
  readonly path?: Uint8Array | undefined
  readonly code: ErrorCode
  /** One sentence without the path. */
  readonly message: string
  /** What a program can act on without reading the message. */
  readonly fact?: 'index-incomplete' | 'snapshot-lacks'
}

export type FileAction = 'new' | 'changed' | 'unchanged' | 'removed' | 'excluded' | 'restored' | 'verified'

/** What became of one item. Only sent when the operation was started with `fileEvents: true`. */
export interface FileEvent {
  readonly type: 'file'
  readonly action: FileAction
  readonly path: Uint8Array
  /** Bytes of content, absent when it has none. */
  readonly size?: number | undefined
}

/** Something worth telling that is neither progress nor a problem: `taking over 3 packs of an interrupted backup`. */
export interface NoticeEvent {
  readonly type: 'notice'
  readonly message: string
}

export type OperationEvent = ProgressEvent | ProblemEvent | FileEvent | NoticeEvent

/** Called synchronously from the operation, so it must be quick; must not throw. */
export type EventSink = (event: OperationEvent) => void

/** For callers that do not listen. */
export const ignoreEvents: EventSink = () => {}
