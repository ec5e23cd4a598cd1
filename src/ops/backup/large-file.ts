// One large file, cut by several workers at once. Each gets a segment and keeps what begins in it; it starts cutting a
// little before, so that its cuts have fallen into step with a cut from the beginning. Where they have not, the segment is
// cut again from where the one before it ended: the result is always that of one cut from the beginning.
import type { Extent } from '../../format/extent.ts'
import type { CutPlace } from './content-cutter.ts'
import type { FileExtra, FileIdentity, JobResult, SegmentJob, SegmentResult, Treatment } from './jobs.ts'

/** Files above this size are cut in segments. */
export const LARGE_FROM = 16 * 1024 * 1024
/** Bytes of a segment. */
export const SEGMENT_SIZE = 32 * 1024 * 1024
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
  readonly treatment?: Treatment
  /** Largest chunk in bytes. */
  readonly chunkMax: number
  /** Segments asked for ahead of the one that is waited for. */
  readonly ahead: number
  /** Runs a job when there is room for it. */
  readonly run: (job: SegmentJob) => Promise<JobResult>
}

interface Segment {
  readonly end: number
  readonly result: Promise<SegmentResult>
}

/** Reads a file that had more than LARGE_FROM bytes when it was found; `changed` if it did not hold still. */
export async function readLargeFile(
  opts: LargeFileOptions,
): Promise<{ readonly outcome: LargeFileOutcome; readonly changed: boolean }> {
  const { size } = opts.identity
  const extents: Extent[] = []
  let place: CutPlace = { position: 0, inZeros: false }
  let changed = false
  let extra: FileExtra | undefined
  let started: Segment[] = []
  let nextStart = 0
  // One segment at least: the file may have been emptied since it was found, and its attributes come with the first.
  do {
    while (started.length < opts.ahead && (nextStart < size || nextStart === 0)) {
      started.push(startSegment(opts, nextStart))
      nextStart += SEGMENT_SIZE
    }
    const { end, result: cut } = started.shift()!
    let result = await cut
    if (result.error === undefined && !isSamePlace(result.first, place)) result = await cutFrom(opts, place, end)
    // What has been started runs to its end for nothing; no more is.
    if (result.error !== undefined) return { outcome: { kind: 'failed', ...result.error }, changed: false }
    changed ||= result.changed
    extra ??= result.extra
    for (const extent of result.extents) append(extents, extent)
    place = result.last
    if (place.position < end) break // the file is shorter than it was
    // A hole may be longer than anything: segments within it are passed over.
    started = started.filter((segment) => segment.end > place.position)
    nextStart = Math.max(nextStart, place.position - (place.position % SEGMENT_SIZE))
  } while (place.position < size)
  return { outcome: { kind: 'read', extents, length: place.position, extra }, changed }
}

function startSegment({ path, identity, treatment, chunkMax, run }: LargeFileOptions, start: number): Segment {
  const end = Math.min(start + SEGMENT_SIZE, identity.size)
  // Blocks of one size need no warm-up: a segment is a multiple of any.
  const from = (treatment?.blockSize ?? 0) > 0 ? start : Math.max(0, start - WARM_UP_CHUNKS * chunkMax)
  const result = run({ kind: 'segment', path, identity, start, end, from, ...treatment }).then((done) => done.segment!)
  // Awaited in its turn or not at all; a failure before that must not count as unhandled.
  result.catch(() => {})
  return { end, result }
}

async function cutFrom(
  { path, identity, treatment, run }: LargeFileOptions,
  { position, inZeros }: CutPlace,
  end: number,
): Promise<SegmentResult> {
  const job = { kind: 'segment' as const, path, identity, start: position, end, from: position, inZeros, ...treatment }
  return (await run(job)).segment!
}

function isSamePlace(a: CutPlace, b: CutPlace): boolean {
  return a.position === b.position && a.inZeros === b.inZeros
}

/** Adds an extent; holes and runs of zeros that the border of a segment has parted are one again. */
function append(extents: Extent[], extent: Extent): void {
  const last = extents.at(-1)
  if (extent.fill === undefined || last?.fill !== extent.fill) extents.push(extent)
  else extents[extents.length - 1] = { length: last.length + extent.length, fill: extent.fill }
}
