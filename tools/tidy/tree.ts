// The files that tidy looks at, as text, so that its rules are pure functions and its tests need no files.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { scan } from './scan.ts'
import type { Scan } from './scan.ts'

export interface Finding {
  file: string
  /** From 1; 0 when it is about the whole file. */
  line: number
  what: string
}

export class Tree {
  /** Path below the checkout, `/` between its parts. */
  readonly files: ReadonlyMap<string, string>
  #scans = new Map<string, Scan>()

  constructor(files: Iterable<[string, string]>) {
    this.files = new Map(files)
  }

  text(file: string): string {
    return this.files.get(file) ?? ''
  }

  scan(file: string): Scan {
    let found = this.#scans.get(file)
    if (found === undefined) this.#scans.set(file, (found = scan(this.text(file))))
    return found
  }

  /** TypeScript files below the given folders, declarations included. */
  typescript(...folders: string[]): string[] {
    return this.with('.ts').filter((file) => folders.some((folder) => file.startsWith(`${folder}/`)))
  }

  with(...endings: string[]): string[] {
    return [...this.files.keys()].filter((file) => endings.some((ending) => file.endsWith(ending))).sort()
  }
}

const TEXT = /(?:\.(?:ts|md|sh|json|toml|cddl|yml)|(?:^|\/)(?:holdfast|run))$/
const SKIPPED = new Set(['node_modules', '.git', '.tmp', '.work', 'data', 'package-lock.json'])

export function readTree(root: string): Tree {
  const files: [string, string][] = []
  const walk = (folder: string): void => {
    for (const name of readdirSync(join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (SKIPPED.has(name) || name.startsWith('.install')) continue
      if (statSync(join(root, path)).isDirectory()) walk(path)
      else if (TEXT.test(path)) files.push([path, readFileSync(join(root, path), 'utf8')])
    }
  }
  walk('')
  return new Tree(files)
}

/** A file of the product: not a test, not a declaration, neither source nor build of the WebAssembly module. */
export function isProduct(file: string): boolean {
  return (
    file.startsWith('src/') && file.endsWith('.ts') && !isTest(file) && !/\.d\.ts$|\/assembly\/|\/build\.ts$/.test(file)
  )
}

export function isTest(file: string): boolean {
  return file.endsWith('.test.ts') || file.startsWith('test/')
}
