import { defineCommand } from '../command.ts'
import { text } from '../flags.ts'

export const keyPasswd = defineCommand<{ newPasswordFile?: string }>({
  name: 'key passwd',
  brief: 'change the passphrase in use',
  description: [
    'Opens the repository with the present passphrase, adds the new one, asked for twice or read from --new-password-file or HOLDFAST_NEW_PASSWORD, and then removes the present one. No data is written anew.',
  ],
  examples: [{ command: 'holdfast key passwd', what: 'change it' }],
  needs: null,
  parameters: { flags: { newPasswordFile: text('FILE', 'Read the new passphrase from this file') } },
  async run(context, flags) {
    const [{ withKeys }, keys] = await Promise.all([import('../repository.ts'), import('../key-commands.ts')])
    await withKeys(context, 'write', (opened) => keys.changeKey(context, opened, flags))
  },
})
