// What the figures depend on.
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { spawnSync } from 'node:child_process'

export function machine(folder: string): Record<string, string> {
  return {
    processor: `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} usable`,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    system: `${distribution()}, kernel ${release()}`,
    'file system': spawnSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }).stdout.trim(),
    node: process.version,
    'load before': loadavg()[0]!.toFixed(2),
  }
}

function distribution(): string {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
