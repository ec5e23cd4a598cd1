// How snapshots and entries look: as columns for people, as JSON for programs.
import { displayText } from '../base/bytes.ts'
import type { Entry } from '../format/entry-model.ts'
import { TROUBLE } from '../format/entry-model.ts'
import type { SnapshotInfo } from '../repo/snapshots.ts'
import { escapeName, escapeText } from './escape.ts'
import { jsonName, jsonTime, type JsonValue } from './json-lines.ts'
import { formatLocalTime, formatMode } from './units.ts'

/** Digits of a snapshot's id that are shown; any unambiguous prefix of at least this many is accepted as well. */
export const SHORT_ID = 10
