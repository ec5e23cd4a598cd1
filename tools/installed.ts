// Prints which of the locked libraries node_modules holds: `all`, `runtime` (without what only the tests need) or
// `stale` (`stale-all` when tools for the tests are among them). Names what the kind asked for lacks on standard error.
// Used by tools/setup.sh; imports nothing that might be missing.
//   installed.ts CHECKOUT [KIND [FOLDER-WITH-NODE_MODULES]]
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Package {
  version?: string
  dev?: boolean
  devOptional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optional?: boolean
  dependencies?: Record<string, string>
}

Object.assign(process.report, { excludeNetwork: true }) // which it would ask the resolver about
const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
const libc = report.header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
const [, , root = '.', kind = 'all', folder = root] = process.argv
const locked = packages(join(root, 'package-lock.json'))
const present = packages(join(folder, 'node_modules/.package-lock.json')) // npm's own record of what it installed

let runtime = present.size > 0
let all = runtime
let someDev = false
for (const [path, wanted] of locked) {
  const found = present.get(path)
  const dev = wanted.dev === true || wanted.devOptional === true
  if (dev && found !== undefined && wanted.optional !== true) someDev = true
  if (found?.version === wanted.version || (found === undefined && notNeeded(path, wanted))) continue
  all = false
  if (present.size > 0 && (kind === 'all' || !dev))
    console.error(`missing: ${path.replace('node_modules/', '')} ${wanted.version ?? ''}`)
  if (!dev) runtime = false
}
console.log(all ? 'all' : runtime ? 'runtime' : someDev ? 'stale-all' : 'stale')

function packages(file: string): Map<string, Package> {
  try {
    const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages?: Record<string, Package> }
    return new Map(Object.entries(lock.packages ?? {}).filter(([path]) => path !== ''))
  } catch {
    return new Map()
  }
}

/** Only packages that are for another system, or for such packages, ask for it. */
function notNeeded(path: string, p: Package): boolean {
  if (p.optional !== true) return false
  if (forOtherSystem(p)) return true
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const above = [...locked].filter(([, { dependencies = {} }]) => name in dependencies)
  return above.length > 0 && above.every(([other, user]) => other !== path && notNeeded(other, user))
}

function forOtherSystem(p: Package): boolean {
  const names = (list: string[] | undefined, own: string): boolean => list === undefined || [list].flat().includes(own)
  return !names(p.os, process.platform) || !names(p.cpu, process.arch) || !names(p.libc, libc)
}
