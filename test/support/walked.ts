// Walks a folder for a test and gathers what the steps said.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { displayText, utf8 } from '../../src/base/bytes.ts'
import { AT_FDCWD } from '../../src/posix/constants.ts'
import type { SourceProblem } from '../../src/source/problems.ts'
import { type RuleOptions, SourceRules } from '../../src/source/rules.ts'
import { TreeWalker, type WalkStep } from '../../src/source/walk.ts'
import type { WalkOptions } from '../../src/source/walk-options.ts'

export interface Walked {
  /** Paths below the folder, directories with a slash. */
  readonly paths: string[]
  /** `(`, entries and `)` in order: the shape of the steps. */
  readonly shape: string
  readonly problems: string[]
  readonly excluded: string[]
  readonly incomplete: string[]
}

/** Walks `folder` and runs `between` after each step. */
export function walk(
  folder: string,
  rules: RuleOptions = {},
  more: Partial<WalkOptions> & { between?: (step: WalkStep) => void } = {},
): Walked {
  const { between, ...options } = more
  const relative = (path: Uint8Array) => displayText(path).slice(folder.length + 1)
  const problems: SourceProblem[] = []
  const walked: Walked = { paths: [], shape: '', problems: [], excluded: [], incomplete: [] }
  let shape = ''
  const walker = new TreeWalker({
    sources: [{ path: utf8(folder), rules: new SourceRules(rules) }],
    report: (problem) => problems.push(problem),
    excluded: (directory, name, why) => walked.excluded.push(`${relative(directory.path(name))} ${why}`),
    ...options,
  })
  for (let step = walker.next(); step !== null; step = walker.next()) {
    if (step.kind === 'enter') shape += '('
    if (step.kind === 'leave') {
      shape += ')'
      if (!step.complete) walked.incomplete.push(relative(step.directory.path()))
    }
    if (step.kind === 'entries') {
      shape += '.'.repeat(step.entries.length)
      if (step.directory.depth === 0) assert.equal(step.directory.fd, AT_FDCWD)
      for (const entry of step.entries) {
        assert.equal(entry.directory !== undefined, entry.stat.kind === 'directory')
        if (step.directory.depth === 0) continue
        walked.paths.push(relative(step.directory.path(entry.name)) + (entry.directory === undefined ? '' : '/'))
      }
    }
    between?.(step)
  }
  assert.equal(walker.next(), null)
  const shown = problems.map(({ path, code, errno, text }) => `${relative(path)} ${code} ${errno ?? '-'} ${text}`)
  return { ...walked, shape, problems: shown }
}

export function makeTree(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(join(root, path, path.endsWith('/') ? '' : '..'), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(join(root, path), path)
  }
}

export function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}
