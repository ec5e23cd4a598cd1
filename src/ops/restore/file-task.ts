// A regular file that has to be written, from the moment it is decided until it is there or has failed. It holds nothing of
// the node that it is from: thousands may wait.
import type { ErrorCode } from '../../base/errors.ts'
import type { Attributes } from './attributes.ts'
import type { DirectoryNode } from './directory-node.ts'

export interface FileTask {
  readonly id: number
  readonly directory: DirectoryNode
  readonly name: Uint8Array
  readonly size: number
  readonly attributes: Attributes
  /** Something is there and stays until the new file is complete. */
  readonly replace: boolean
  /** Other names of the file wait for it. */
  readonly isAwaited: boolean
  /** Called exactly once. */
  readonly finished: (failure: Failure | undefined) => void
}

export interface Failure {
  readonly code: ErrorCode
  readonly message: string
}
