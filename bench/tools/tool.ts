// What the benchmark needs from a backup program.
import type { Command } from '../measure.ts'

/** Where one run of one program keeps its things; all of it is new for every run. */
export interface Place {
  readonly repository: string
  /** HOME: caches and settings. */
  readonly home: string
}

export interface Tool {
  readonly id: string
  /** What of its settings differs from what it does by itself. */
  readonly settings: string
  /** How to get it, when `version` does not find it. */
  readonly install: string
  /** Prints the version; exits with an error or cannot be started when the program is absent. */
  readonly version: Command
  /** Folder of the repository that holds nothing but what heals the rest; most programs have none. */
  readonly parityFolder?: string
  /** Runs only for these scenarios, if given. */
  readonly scenarios?: readonly string[]

  /** Creates the repository. */
  init(place: Place): Command
  /** Backs up the folder or file; `round` counts from 1 and makes names of snapshots differ. */
  backup(place: Place, source: string, round: number): Command
  /** Restores the snapshot of that round below `target`, which exists and is empty, with its whole path. */
  restore(place: Place, target: string, round: number): Command
  /** Commands whose time is mostly start-up, by row. */
  starts(place: Place): Readonly<Record<string, Command>>
  /** Prints the snapshots as JSON, the oldest first. */
  list(place: Place): Command
  /** Identifiers of snapshots, from what `list` prints. */
  idsOf(listed: string): string[]
  /** What is done with a repository of many snapshots besides, by row, in this order. */
  chores(place: Place, history: History): Readonly<Record<string, Command>>
}

export interface History {
  /** Identifiers of its snapshots, the oldest first. */
  readonly ids: readonly string[]
  /** Name of a file that is in all of them. */
  readonly file: string
  /** How many of the newest a chore that forgets has to keep. */
  readonly keep: number
}

export const PASSWORD = 'correct horse battery staple'
