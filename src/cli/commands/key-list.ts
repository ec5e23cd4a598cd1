import { defineCommand } from '../command.ts'

export const keyList = defineCommand({
  name: 'key list',
  brief: 'list what opens the repository',
  description: [
    'Lists everything that opens the repository, with its label: passphrases, key files, public keys with their recipients. The one in use is marked with `*`.',
  ],
  examples: [{ command: 'holdfast key list', what: 'who can open this?' }],
  needs: null,
  parameters: {},
  async run(context) {
    const [{ withKeys }, keys] = await Promise.all([import('../repository.ts'), import('../key-commands.ts')])
    await withKeys(context, 'read', (opened) => keys.listKeys(context, opened))
  },
})
