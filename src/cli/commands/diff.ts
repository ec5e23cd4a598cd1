import { BackupError } from '../../base/errors.ts'
import type { Change } from '../../ops/diff.ts'
import { defineCommand } from '../command.ts'
import { parseSnapshotPath, yes, type SnapshotPath } from '../flags.ts'

const MARKS: Record<Change, string> = { added: '+', removed: '-', content: 'M', metadata: 'U', type: 'T' }

export const diff = defineCommand<{ metadata?: boolean; summary?: boolean }, [SnapshotPath, SnapshotPath]>({
  name: 'diff',
  brief: 'show what changed between two snapshots',
  description: [
    'Lists what is different in TO: + added, - removed, M content changed, T became another kind of file, and with --metadata U only mode, owner, times or attributes changed.',
    'Two folders are compared when both have a PATH. Parts that did not change are not read, so this is quick for large snapshots that differ little.',
  ],
  examples: [
    { command: 'holdfast diff 3f9a1c latest', what: 'what changed since that snapshot?' },
    { command: 'holdfast diff --metadata 3f9a1c:/etc latest:/etc', what: 'one folder, with changes of permissions' },
  ],
  needs: 'names',
  parameters: {
    flags: {
      metadata: yes('Also entries of which only metadata changed'),
      summary: yes('Only the totals'),
    },
    aliases: { m: 'metadata', s: 'summary' },
    positional: {
      kind: 'tuple',
      parameters: [
        { placeholder: 'FROM[:PATH]', brief: 'The older snapshot', parse: parseSnapshotPath },
        { placeholder: 'TO[:PATH]', brief: 'The newer snapshot', parse: parseSnapshotPath },
      ],
    },
  },
  async run(context, flags, from, to) {
    const [
      { withRepository, readerOf },
      { diffSnapshots },
      { escapeName },
      { jsonName },
      { counted, formatSize },
      { entryFields },
    ] = await Promise.all([
      import('../repository.ts'),
      import('../../ops/diff.ts'),
      import('../escape.ts'),
      import('../json-lines.ts'),
      import('../units.ts'),
      import('../entry-view.ts'),
    ])
    const { out } = context
    await withRepository(context, async (repository) => {
      const [older, newer] = [await repository.findSnapshot(from.snapshot), await repository.findSnapshot(to.snapshot)]
      if (repository.of(older) !== repository.of(newer)) {
        const domains = [older, newer].map((each) => repository.of(each).domain.name).join(' and ')
        throw new BackupError(
          'usage',
          'these snapshots are of two domains, whose content cannot be compared',
          domains,
          {
            hint: 'restore both to compare them',
          },
        )
      }
      const result = await diffSnapshots({
        reader: await readerOf(context, repository, newer),
        from: { root: older.body.root, path: from.path },
        to: { root: newer.body.root, path: to.path },
        metadata: flags.metadata === true,
        onChange(change, path, before, after) {
          if (flags.summary === true) return
          if (!out.json)
            return out.line(`${MARKS[change]} ${escapeName(path)}${(after ?? before)?.kind === 'directory' ? '/' : ''}`)
          const states = { before: before && entryFields(before), after: after && entryFields(after) }
          out.record({ type: 'change', change, ...jsonName(path), ...states })
        },
      })
      const { added, removed, content, metadata, type, bytesAdded, bytesRemoved } = result
      if (added + removed + content + type + metadata === 0) out.line('no differences')
      else {
        const parts = [`${counted(added, 'entry', 'entries')} added`, `${counted(removed, 'entry', 'entries')} removed`]
        parts.push(`${counted(content + type, 'entry', 'entries')} changed`)
        if (flags.metadata === true) parts.push(`${counted(metadata, 'entry', 'entries')} with other metadata`)
        out.line(`${parts.join(', ')}; ${formatSize(bytesAdded)} new, ${formatSize(bytesRemoved)} gone`)
      }
      out.record({
        type: 'summary',
        from: older.id,
        to: newer.id,
        added,
        removed,
        changed: content,
        type_changed: type,
        metadata_changed: flags.metadata === true ? metadata : undefined,
        bytes_added: bytesAdded,
        bytes_removed: bytesRemoved,
      })
    })
  },
})
