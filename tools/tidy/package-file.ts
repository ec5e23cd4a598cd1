// Versions are exact, and no library may run a script when it is installed.
import type { Finding, Tree } from './tree.ts'

interface PackageFile {
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  allowScripts?: Record<string, boolean>
}

export function checkPackageFile(tree: Tree): Finding[] {
  const findings: Finding[] = []
  for (const file of tree.with('package.json')) {
    const content = JSON.parse(tree.text(file)) as PackageFile
    const report = (what: string): void => void findings.push({ file, line: 0, what })
    const wanted = { ...content.dependencies, ...content.devDependencies, ...content.optionalDependencies }
    for (const [name, version] of Object.entries(wanted)) {
      if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) report(`${name} ${version} is not an exact version`)
    }
    for (const [name, allowed] of Object.entries(content.allowScripts ?? {})) {
      if (allowed) report(`${name} may run a script when it is installed; npm 12 blocks that, so nothing may need it`)
    }
  }
  return findings
}
