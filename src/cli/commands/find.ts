import type { EntryKind } from '../../format/entry-model.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { exitCodeOf } from '../exit-codes.ts'
import { describeFailure } from '../failure.ts'
import { named, oneOf, parsed, text, texts, yes } from '../flags.ts'
import { counted, parseSize, parseWhen } from '../units.ts'

const KINDS = [
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'char',
  'block',
] as const satisfies readonly EntryKind[]

type FindFlags = {
  readonly ignoreCase?: boolean
  readonly type?: EntryKind
  readonly larger?: number
  readonly smaller?: number
  readonly newer?: number
  readonly older?: number
  readonly snapshot?: readonly string[]
  readonly host?: string
  readonly tag?: readonly string[]
}

function when(this: Context, words: string): number {
  return parseWhen(words, this.clock.now())
}

export const find = defineCommand<FindFlags, string[]>({
  name: 'find',
  brief: 'find files in all snapshots, version by version',
  description: [
    'Looks for entries whose name matches a PATTERN (`*`, `?`, `[a-z]`) in every snapshot. A pattern with a `/` is compared with the whole path; `**` stands for any number of folders.',
    'Each line is one version: the same content and attributes at the same path, with the number of snapshots that have it and the newest of them, ready for `restore` or `cat`. `[content lost]` marks what cannot be restored whole, as a repair has found.',
  ],
  examples: [
    { command: "holdfast find 'report*.odt'", what: 'which versions of the report are there?' },
    { command: "holdfast find --larger 1G --newer 30d '*'", what: 'what large files came in the last month?' },
    { command: "holdfast find --snapshot latest '/home/**/*.key'", what: 'look in one snapshot' },
  ],
  needs: 'names',
  parameters: {
    flags: {
      ignoreCase: yes('Letters match in upper and lower case (A to Z)'),
      type: oneOf(KINDS, 'Only entries of this kind'),
      larger: parsed('SIZE', 'Only files of at least this size', parseSize),
      smaller: parsed('SIZE', 'Only files of at most this size', parseSize),
      newer: parsed('TIME', 'Only what was modified since then (2026-11-21, or 7d ago)', when),
      older: parsed('TIME', 'Only what was modified before then', when),
      snapshot: texts('SNAPSHOT', 'Look only in this snapshot'),
      host: text('NAME', 'Look only in snapshots of this host'),
      tag: texts('TAG', 'Look only in snapshots with this tag'),
    },
    aliases: { i: 'ignoreCase', t: 'type', s: 'snapshot' },
    positional: {
      kind: 'array',
      minimum: 1,
      parameter: { placeholder: 'PATTERN', brief: 'Name or path with wildcards', parse: named },
    },
  },
  async run(context, flags, ...patterns) {
    const [
      { withRepository, readerOf },
      { findInSnapshots },
      { globMatcher },
      { entryMatcher },
      view,
      { chosenSnapshots, shortId },
      { lacksOf, LackMarks, tellUnnamed },
    ] = await Promise.all([
      import('../repository.ts'),
      import('../../ops/find.ts'),
      import('../../ops/browse/glob.ts'),
      import('../find-filter.ts'),
      import('../entry-view.ts'),
      import('../snapshot-view.ts'),
      import('../known-lacks.ts'),
    ])
    const { out, reporter } = context
    const matches = entryMatcher(patterns, flags, globMatcher)
    return withRepository(context, async (repository) => {
      const chosen = await chosenSnapshots(context, repository, flags)
      const { snapshots } = chosen
      let { exitCode } = chosen
      const lacks = await lacksOf(context, repository, snapshots)
      tellUnnamed(context, lacks.values())
      const marks = new Map(Array.from(lacks, ([id, lack]) => [id, new LackMarks(lack)]))
      const versions = await findInSnapshots({
        reader: (snapshot) => readerOf(context, repository, snapshot),
        snapshots: snapshots.toReversed(),
        rootOf: ({ body }) => body.root,
        matches,
        onProblem: ({ id }, problem) => {
          exitCode = exitCodeOf(problem.code)
          const message = `snapshot ${shortId(id)}: ${describeFailure(problem).links.join(', because ')}`
          reporter.onEvent({ type: 'error', code: problem.code, message })
        },
        onSnapshot: (done) =>
          reporter.onEvent({
            type: 'progress',
            phase: 'looking through',
            unit: 'snapshots',
            filesDone: done,
            filesTotal: snapshots.length,
            bytesDone: 0,
          }),
      })
      reporter.finish()
      for (const { path, entry, snapshots: holders } of versions) {
        // It is the same content in all of them.
        const isLost = holders.some(({ id }) => marks.get(id)?.has(path) === true)
        out.line(`${view.entryLine(path, entry, true, isLost)}  (${holders.length}x, ${shortId(holders[0]!.id)})`)
        out.record({ ...view.entryRecord('version', path, entry, isLost), snapshots: holders.map(({ id }) => id) })
      }
      if (versions.length === 0) reporter.note(`nothing found in ${counted(snapshots.length, 'snapshot')}`)
      return exitCode
    })
  },
})
