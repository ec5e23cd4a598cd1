import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, doing } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'
import { VERSION } from '../version.ts'

export const man = defineCommand<{ output?: string }, string[]>({
  name: 'man',
  brief: 'print or write the manual pages',
  description: [
    'Prints the manual page of Holdfast, or of one command, as roff text for `man`. With --output all pages are written into a folder instead, for packages and for MANPATH.',
    'The pages are made from the same source as --help, so they are always those of this version.',
  ],
  examples: [
    { command: 'holdfast man backup | man -l -', what: 'read the page of a command' },
    { command: 'holdfast man --output ~/.local/share/man/man1', what: 'install all pages for this user' },
  ],
  needs: null,
  parameters: {
    flags: {
      output: {
        kind: 'parsed',
        parse: String,
        optional: true,
        placeholder: 'DIR',
        brief: 'Write all pages into this folder',
      },
    },
    aliases: { o: 'output' },
    positional: {
      kind: 'array',
      parameter: { placeholder: 'COMMAND', brief: 'The command, such as `backup` or `key add`', parse: named },
    },
  },
  async run({ out }, { output }, ...words) {
    const [{ manPages, pageName }, { commands }] = await Promise.all([import('../man.ts'), import('../app.ts')])
    const pages = manPages(commands, VERSION)
    if (output !== undefined) {
      await doing('writing manual pages', output, async () => {
        await mkdir(output, { recursive: true })
        for (const { fileName, roff } of pages) await writeFile(join(output, fileName), roff)
      })
      out.line(`wrote ${pages.length} pages to ${output}`)
      out.record({ type: 'man', output, pages: pages.map(({ fileName }) => fileName) })
      return
    }
    const name = words.length === 0 ? 'holdfast.1' : `${pageName(words.join(' '))}.1`
    const page = pages.find(({ fileName }) => fileName === name)
    if (page === undefined) {
      throw new BackupError('not-found', 'no manual page for this command', words.join(' '), {
        hint: '`holdfast --help` lists the commands',
      })
    }
    out.text(page.roff)
  },
})
