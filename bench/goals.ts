// What Holdfast aims at, as ratios within one run (bench/README.md).

export type Measure = 'seconds' | 'cpuSeconds' | 'peakBytes' | 'bytes'

export interface Goal {
  readonly row: string
  readonly measure: Measure
  /** Another tool or a floor; its figure divided by Holdfast's must be at least `ratio`. */
  readonly versus?: string
  /** Another row, whose figure it is that is divided; the same tool unless `versus` names one. */
  readonly versusRow?: string
  readonly ratio?: number
  /** Holdfast's figure itself must be at most this. */
  readonly atMost?: number
  /** Whose figure; `holdfast` unless given. */
  readonly of?: string
}

const MiB = 1024 * 1024

export const GOALS: readonly Goal[] = [
  { row: 'first-tree', measure: 'seconds', versus: 'restic', ratio: 3.5 },
  { row: 'first-tree', measure: 'seconds', versus: 'borg', ratio: 4.5 },
  { row: 'first-tree', measure: 'seconds', versus: 'pipeline', ratio: 1 / 1.3 },
  { row: 'first-tree', measure: 'peakBytes', atMost: 300 * MiB },
  { row: 'first-random', measure: 'peakBytes', atMost: 300 * MiB },
  { row: 'first-image', measure: 'peakBytes', atMost: 300 * MiB },
  { row: 'first-sql', measure: 'peakBytes', atMost: 300 * MiB },
  { row: 'restore-tree', measure: 'peakBytes', atMost: 300 * MiB },
  { row: 'restore-random', measure: 'peakBytes', atMost: 300 * MiB },
  { row: 'again-tree', measure: 'seconds', versus: 'restic', ratio: 4 },
  { row: 'restore-tree', measure: 'seconds', versus: 'restic', ratio: 2 },
  { row: 'restore-tree', measure: 'seconds', versus: 'create', ratio: 1 / 1.2 },
  { row: 'size-tree-1', measure: 'bytes', versus: 'restic', ratio: 1 / 0.8 },
  { row: 'size-tree-2', measure: 'bytes', versus: 'restic', ratio: 1 / 0.8 },
  { row: 'size-bare-tree-2', measure: 'bytes', versus: 'restic', ratio: 1 / 0.8 },
  { row: 'first-tree', measure: 'seconds', of: 'holdfast-write', versus: 'holdfast', ratio: 1 / 1.03 },
  { row: 'again-tree', measure: 'seconds', of: 'holdfast-write', versus: 'holdfast', ratio: 1 / 1.03 },
  { row: 'next-tree', measure: 'seconds', of: 'holdfast-write', versus: 'holdfast', ratio: 1 / 1.03 },
  { row: 'first-random', measure: 'seconds', versus: 'restic', ratio: 4 },
  { row: 'size-random', measure: 'bytes', versus: 'restic', ratio: 1 },
  { row: 'restore-random', measure: 'seconds', versus: 'restic', ratio: 2 },
  { row: 'restore-random', measure: 'seconds', versus: 'dd-copy', ratio: 1 / 1.2 },
  { row: 'first-image', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'size-image', measure: 'bytes', versus: 'restic', ratio: 1 },
  { row: 'first-sql', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'size-sql', measure: 'bytes', versus: 'restic', ratio: 1 },
  { row: 'list-history', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'list-history', measure: 'seconds', of: 'holdfast-key-file', versus: 'restic', ratio: 3 },
  { row: 'find-history', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'diff-history', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'check-history', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'forget-history', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'forget-history', measure: 'seconds', of: 'holdfast-key-file', versus: 'restic', ratio: 3 },
  { row: 'prune-history', measure: 'seconds', versus: 'restic', ratio: 3 },
  { row: 'restore-history', measure: 'seconds', versusRow: 'restore-fresh', ratio: 1 / 1.3 },
  { row: 'size-history', measure: 'bytes', versus: 'restic', ratio: 1 },
  { row: 'size-pruned', measure: 'bytes', versus: 'restic', ratio: 1 },
  { row: 'start-version', measure: 'seconds', atMost: 0.15 },
  { row: 'start-scrub', measure: 'seconds', atMost: 0.15 },
  { row: 'start-list', measure: 'seconds', atMost: 0.15, of: 'holdfast-key-file' },
]
