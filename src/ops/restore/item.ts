// An item on its way into the target, and what is left of it while its content is on the way.
import type { Entry } from '../../format/entry-model.ts'
import { joinPath } from '../browse/tree-walk.ts'
import type { Existing } from './decide.ts'
import type { DirectoryNode } from './directory-node.ts'
import type { LinkGroup } from './link-groups.ts'

/** What is told of an item in the end. */
export class ItemPlace {
  readonly directory: DirectoryNode
  readonly name: Uint8Array
  readonly kind: Entry['kind']
  readonly size: number | undefined
  /** Other names wait for this one. */
  readonly group: LinkGroup | undefined

  constructor(
    directory: DirectoryNode,
    name: Uint8Array,
    { kind, size }: Pick<Entry, 'kind' | 'size'>,
    group: LinkGroup | undefined,
  ) {
    this.directory = directory
    this.name = name
    this.kind = kind
    this.size = size
    this.group = group
  }

  /** For messages and events; most items need none. */
  get path(): Uint8Array {
    return joinPath(this.directory.path, this.name)
  }
}

export class Item extends ItemPlace {
  readonly entry: Entry
  readonly existing: Existing | undefined

  constructor(
    directory: DirectoryNode,
    name: Uint8Array,
    entry: Entry,
    existing: Existing | undefined,
    group: LinkGroup | undefined,
  ) {
    super(directory, name, entry, group)
    this.entry = entry
    this.existing = existing
  }

  /** For thousands that wait at a time: an entry keeps the node that it is from in memory, and that the whole block. */
  place(): ItemPlace {
    return new ItemPlace(this.directory, new Uint8Array(this.name), this.entry, this.group)
  }
}
