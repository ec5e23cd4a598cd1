import { BackupError } from '../../base/errors.ts'
import { defineCommand } from '../command.ts'
import type { Shell } from '../completion.ts'

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish']

export const completion = defineCommand<{}, [Shell]>({
  name: 'completion',
  brief: 'print a completion script for a shell',
  description: [
    'Prints a script that completes commands, flags and file names. It starts no process when Tab is pressed.',
    'For bash, put `source <(holdfast completion bash)` into ~/.bashrc. For zsh, put `source <(holdfast completion zsh)` after `compinit` into ~/.zshrc. For fish, save the output as ~/.config/fish/completions/holdfast.fish.',
  ],
  examples: [
    { command: 'source <(holdfast completion bash)', what: 'try it in this shell' },
    { command: 'holdfast completion fish > ~/.config/fish/completions/holdfast.fish', what: 'install it for fish' },
  ],
  needs: null,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ placeholder: 'SHELL', brief: 'bash, zsh or fish', parse: parseShell }],
    },
  },
  async run({ out }, _flags, shell) {
    const [{ completionScript }, { commands }] = await Promise.all([import('../completion.ts'), import('../app.ts')])
    out.text(completionScript(shell, commands))
  },
})

function parseShell(text: string): Shell {
  const shell = SHELLS.find((known) => known === text)
  if (shell === undefined) throw new BackupError('usage', `no completion but for ${SHELLS.join(', ')}`, text)
  return shell
}
