// One large file, cut by several workers at once. Each gets a segment and keeps the chunks that begin in it; it starts
// cutting a little before, so that its cuts have fallen into step with a cut from the beginning. Where they have not, the
// segment is cut again from where the one before it ended: the result is always that of one cut from the beginning.
import type { Extent } from '../../format/extent.ts'
import type { FileExtra, FileIdentity, JobResult, SegmentJob, SegmentResult } from './jobs.ts'

/** Files above this size are cut in segments. */
export const LARGE_FROM = 16 * 1024 * 1024
/** Bytes of a segment. */
export const SEGMENT_SIZE = 64 * 1024 * 1024
/** Largest-chunk lengths that are cut before a segment: within them two cuts meet nearly always. */
const WARM_UP_CHUNKS = 2

export type LargeFileOutcome =
  | {
      readonly kind: 'read'
      readonly extents: readonly Extent[]
      readonly length: number
      readonly extra: FileExtra | undefined
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

export interface LargeFileOptions {
  readonly path: Uint8Array
  readonly identity: FileIdentity
  /** Largest chunk in bytes. */
  readonly chunkMax: number
  /** Runs a job when there is room for it. */
  readonly run: (job: SegmentJob) => Promise<JobResult>
}

/** Reads a file that had more than LARGE_FROM bytes when it was found; `changed` if it did not hold still. */
export async function readLargeFile(
  opts: LargeFileOptions,
): Promise<{ readonly outcome: LargeFileOutcome; readonly changed: boolean }> {
  const { path, identity, chunkMax, run } = opts
  const { size } = identity
  const segmentJob = (start: number, end: number, from: number): SegmentJob => {
    return { kind: 'segment', path, identity, start, end, from }
  }
  const segments: { readonly start: number; readonly end: number; readonly result: Promise<SegmentResult> }[] = []
  // One at least: the file may have been emptied since it was found, and its attributes come with the first.
  for (let start = 0; start === 0 || start < size; start += SEGMENT_SIZE) {
    const end = Math.min(start + SEGMENT_SIZE, size)
    const job = segmentJob(start, end, Math.max(0, start - WARM_UP_CHUNKS * chunkMax))
    const result = run(job).then((done) => done.segment!)
    // Awaited in order below; a failure before its turn must not count as unhandled.
    result.catch(() => {})
    segments.push({ start, end, result })
  }
  const extents: Extent[] = []
  let position = 0
  let changed = false
  let extra: FileExtra | undefined
  for (const segment of segments) {
    let result = await segment.result
    if (result.error === undefined && result.firstStart !== position && position < segment.end) {
      result = (await run(segmentJob(position, segment.end, position))).segment!
    }
    if (result.error !== undefined) return { outcome: { kind: 'failed', ...result.error }, changed: false }
    changed ||= result.changed
    extra ??= result.extra
    if (position >= segment.end) continue
    for (const extent of result.extents) extents.push(extent)
    position = result.lastEnd
  }
  return { outcome: { kind: 'read', extents: joinFills(extents), length: position, extra }, changed }
}

/** Neighbouring holes and runs of zeros that a segment's border has parted are one again. */
function joinFills(extents: readonly Extent[]): Extent[] {
  const joined: Extent[] = []
  for (const extent of extents) {
    const last = joined.at(-1)
    if (extent.fill !== undefined && last?.fill === extent.fill) {
      joined[joined.length - 1] = { length: last.length + extent.length, fill: extent.fill }
    } else {
      joined.push(extent)
    }
  }
  return joined
}
