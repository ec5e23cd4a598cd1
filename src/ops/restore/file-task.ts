// A regular file that has to be written, from the moment it is decided until it is there or has failed.
import type { ErrorCode } from '../../base/errors.ts'
import type { Content } from '../../format/entry-model.ts'
import type { Attributes } from './attributes.ts'
import type { DirectoryNode } from './directory-node.ts'

export interface FileTask {
  readonly id: number
  readonly directory: DirectoryNode
  readonly name: Uint8Array
  readonly size: number
  readonly content: Content
  readonly attributes: Attributes
  /** Something is there and stays until the new file is complete. */
  readonly replace: boolean
  /** Called exactly once. */
  readonly finished: (failure: Failure | undefined) => void
}

export interface Failure {
  readonly code: ErrorCode
  readonly message: string
}
