// What the parts of one restore share.
import type { Entry } from '../../format/entry-model.ts'
import type { Attributes } from './attributes.ts'
import type { ContentPlan } from './content-plan.ts'
import type { OpenDirectories } from './directory-node.ts'
import type { Executor } from './executor.ts'
import type { RunningSteps } from '../running-steps.ts'
import type { Restorer } from './foresee.ts'
import type { LinkGroups } from './link-groups.ts'
import type { MetadataClasses, PathFilter } from './options.ts'
import type { RestoreReader } from './reader.ts'
import type { Guard } from './remove-tree.ts'
import type { Report } from './report.ts'

export interface RestoreContext {
  readonly reader: RestoreReader
  readonly report: Report
  readonly classes: MetadataClasses
  readonly compare: 'attributes' | 'content'
  readonly deleteOthers: boolean
  readonly dryRun: boolean
  /** A second pass over what was restored: a file that is not as it has to be is trouble. */
  readonly verifying: boolean
  readonly filter: PathFilter | undefined
  readonly guard: Guard
  readonly directories: OpenDirectories
  readonly links: LinkGroups
  readonly plan: ContentPlan
  readonly executor: Executor
  readonly running: RunningSteps
  /** Who restores, by whom a dry run tells what could not be restored. */
  readonly restorer: Restorer
  /** File creation mask of the process. */
  readonly umask: number
  /** The attributes an entry gets here. */
  readonly attributesOf: (entry: Entry) => Promise<Attributes>
  /** A number for each item that is written. */
  readonly nextId: () => number
  /** Throws when the operator has stopped the restore. */
  readonly checkStopped: () => void
}
