import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'

export const keyRemove = defineCommand<{}, [string]>({
  name: 'key remove',
  brief: 'remove what opens the repository',
  description: [
    'Removes a key by the beginning of its id. The last key cannot be removed, nor the one in use when all others are for private keys that lie elsewhere: nobody knows whether those still exist. Who had the passphrase or private key and a copy of its slot can still open what they copied: removing a key is no protection against somebody who used it before.',
  ],
  examples: [{ command: 'holdfast key remove 8c21', what: 'remove one; `holdfast key list` shows the ids' }],
  needs: null,
  parameters: {
    positional: { kind: 'tuple', parameters: [{ placeholder: 'KEY', brief: 'Beginning of its id', parse: named }] },
  },
  async run(context, _flags, id) {
    const [{ withKeys }, keys] = await Promise.all([import('../repository.ts'), import('../key-commands.ts')])
    await withKeys(context, 'write', (opened) => keys.removeKey(context, opened, id))
  },
})
