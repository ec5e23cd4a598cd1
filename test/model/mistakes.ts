// What somebody might do otherwise than the protocol says. Each must lose data in some setting, or the protocol asks for
// more than it needs.
export type Mistake =
  // of sessions
  | 'no intent'
  | 'the intent after the plans'
  | 'no look at plans'
  | 'the index before the plans'
  | 'the packs before the plans'
  | 'the index at its word'
  | 'no look for the intent'
  | 'no look at condemned keys'
  | 'adopts packs by their names'
  | 'puts packs back by their names'
  | 'no wait after the intent'
  | 'no wait after the snapshot'
  // of pruners
  | 'no plan for what no index names'
  | 'the sessions before the plan'
  | 'no wait for sessions'
  | 'no second look'
  | 'the first index again'
  | 'no look at other plans'
  | 'other plans last'
  | 'packs looked for before other plans'
  | 'the index at its word in pruning'
  | 'no plan for keys'
  | 'no second look at keys'
  | 'relies on what loses its keys'
  | 'the plan before the keys'
  | 'the plan before the packs'
  | 'keeps what is needed'
  | 'no wait after the plan'
  | 'no wait after a fence'
  | 'no wait after deletions'

export type Mistakes = ReadonlySet<Mistake>
