// Every attribute, on files and folders, alone and where one disturbs another.
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { system, trySystem } from './system.ts'

const MODES = [
  0, 0o1, 0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777, 0o4000, 0o2000, 0o1000,
]
const OWNERS: [uid: number, gid: number][] = [
  [0, 0],
  [1, 2],
  [1000, 1000],
  [65_534, 65_534],
  [123_456, 654_321], // without names
  [4_294_967_294, 4_294_967_294],
]

export function makeModesAndOwners(folder: string): void {
  for (const mode of MODES) {
    const name = mode.toString(8).padStart(5, '0')
    writeFileSync(join(folder, `file-${name}`), name)
    mkdirSync(join(folder, `folder-${name}`))
    writeFileSync(join(folder, `folder-${name}`, 'inside'), name)
    for (const kind of ['file', 'folder']) chmodSync(join(folder, `${kind}-${name}`), mode)
  }
  for (const [uid, gid] of OWNERS) {
    // Set-id bits vanish when the owner changes, so they are set after it.
    writeFileSync(join(folder, `owner-${uid}`), '')
    chownSync(join(folder, `owner-${uid}`), uid, gid)
    chmodSync(join(folder, `owner-${uid}`), 0o6755)
    mkdirSync(join(folder, `owner-folder-${uid}`))
    chownSync(join(folder, `owner-folder-${uid}`), uid, gid)
    chmodSync(join(folder, `owner-folder-${uid}`), 0o3770)
  }
}

export function makeXattrs(folder: string, refused: string[]): void {
  for (const name of ['file', 'folder/file']) {
    if (name.includes('/')) mkdirSync(join(folder, 'folder'))
    writeFileSync(join(folder, name), 'with attributes')
  }
  for (const path of ['file', 'folder']) {
    for (const space of ['user', 'trusted', 'security'])
      system(folder, 'setfattr', '-n', `${space}.holdfast`, '-v', `${space} value`, path)
    system(folder, 'setfattr', '-n', 'user.empty', path)
    system(folder, 'setfattr', '-n', 'user.zeros', '-v', '0x00ff000a', path)
    system(folder, 'setfattr', '-n', 'user.\x1b[2J \n=', '-v', 'a name with control characters', path)
    system(folder, 'setfattr', '-n', `user.${'n'.repeat(250)}`, '-v', 'the longest name', path)
  }
  writeFileSync(join(folder, 'many'), '')
  for (let n = 0; n < 40; n++) system(folder, 'setfattr', '-n', `user.number-${n}`, '-v', `value ${n}`, 'many')
  // Around the size up to which a value lies in the entry itself, and as large as the file system takes.
  for (const size of [1, 1023, 1024, 1025, 3000, 15_000, 65_536]) {
    writeFileSync(join(folder, `size-${size}`), '')
    const value = `0x${'5a'.repeat(size)}`
    if (
      !trySystem(
        folder,
        'sh',
        '-c',
        `printf '# file: %s\nuser.large=%s\n' size-${size} ${shellLarge(size)} | setfattr --restore=-`,
      )
    ) {
      refused.push(`xattr of ${size} bytes (${value.length} digits)`)
    }
  }
  writeFileSync(join(folder, 'read-only'), '')
  system(folder, 'setfattr', '-n', 'user.on-read-only', '-v', 'value', 'read-only')
  chmodSync(join(folder, 'read-only'), 0o444)
}

/** An argument that is too long for a command line is made by the shell itself. */
function shellLarge(size: number): string {
  return `0x$(head -c ${size} /dev/zero | od -An -v -tx1 | tr -d ' \\n' | tr 0 5)`
}

export function makeAccessLists(folder: string): void {
  const file = (name: string, ...acl: string[]): void => {
    writeFileSync(join(folder, name), name)
    if (acl.length > 0) system(folder, 'setfacl', '-m', acl.join(','), name)
  }
  file('user', 'u:1234:rw')
  file('group', 'g:5678:r')
  file('mask', 'u:1234:rwx,g:5678:rwx', 'm::r') // the group bits of the mode show the mask
  file('many', ...Array.from({ length: 100 }, (_, n) => `u:${2000 + n}:r`))
  file('none', 'u:1234:-')
  mkdirSync(join(folder, 'defaults'))
  system(folder, 'setfacl', '-m', 'd:u:1234:rwx,d:g:5678:rx,d:o::-,u:42:x', 'defaults')
  // What is made in such a folder inherits; what has no list of its own there must come back without one.
  file('defaults/inherits')
  file('defaults/bare')
  system(folder, 'setfacl', '-b', 'defaults/bare')
  chmodSync(join(folder, 'defaults/bare'), 0o664)
  mkdirSync(join(folder, 'defaults/bare-folder'))
  system(folder, 'setfacl', '-b', '-k', 'defaults/bare-folder')
  mkdirSync(join(folder, 'defaults/inherits-folder'))
  symlinkSync('bare', join(folder, 'defaults/symlink'))
  chmodSync(join(folder, 'defaults'), 0o2750)
}

export function makeCapabilities(folder: string): void {
  for (const name of ['ping', 'server']) writeFileSync(join(folder, name), '#!/bin/false\n', { mode: 0o755 })
  chownSync(join(folder, 'server'), 1000, 1000) // taking another owner drops capabilities
  system(folder, 'setcap', 'cap_net_raw+ep', 'ping')
  system(folder, 'setcap', 'cap_net_bind_service,cap_sys_time+eip', 'server')
}

/** Seconds since 1970, as `touch` reads them. */
const TIMES = [
  '0',
  '1',
  '-1',
  '-0.000000001',
  '-1.999999999',
  '1.000000001',
  '999999999.999999999',
  '-2147483648',
  '2147483647.5',
  '2147483648',
  '4102444800.25',
]

export function makeTimes(folder: string, refused: string[]): void {
  for (const [n, time] of TIMES.entries()) {
    writeFileSync(join(folder, `file-${n}`), time)
    mkdirSync(join(folder, `folder-${n}`))
    writeFileSync(join(folder, `folder-${n}`, 'inside'), time)
    symlinkSync(time, join(folder, `symlink-${n}`))
    for (const kind of ['file', 'folder', 'symlink']) {
      if (!trySystem(folder, 'touch', '-h', '-d', `@${time}`, `${kind}-${n}`)) refused.push(`time ${time}`)
    }
  }
}

/** Letters of `chattr`; which of them a file system takes differs. */
const FILE_FLAGS = ['a', 'A', 'c', 'C', 'd', 'i', 'j', 'm', 's', 'S', 't', 'u', 'x', 'di', 'Aad']
const FOLDER_FLAGS = ['a', 'A', 'c', 'C', 'd', 'D', 'i', 'S', 'T', 'x', 'P']

export function makeFlags(folder: string, refused: string[]): void {
  for (const flags of FILE_FLAGS) {
    const name = `file-${flags}`
    writeFileSync(join(folder, name), '')
    // Only an empty file takes C on btrfs, and nothing can be written after i.
    const early = flags === 'C' || flags === 'c' || flags === 'm'
    if (!early) writeFileSync(join(folder, name), `with ${flags}`)
    if (!trySystem(folder, 'chattr', `+${flags}`, name)) refused.push(`flags ${flags} of files`)
    if (early) writeFileSync(join(folder, name), `with ${flags}`)
  }
  for (const flags of FOLDER_FLAGS) {
    const name = `folder-${flags}`
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'made-before'), 'does not inherit')
    mkdirSync(join(folder, name, 'folder-made-before'))
    if (!trySystem(folder, 'chattr', `+${flags}`, name)) refused.push(`flags ${flags} of folders`)
    // What is made in such a folder inherits some of them.
    trySystem(join(folder, name), 'sh', '-c', 'echo inherits >made-after; mkdir folder-made-after')
  }
}
