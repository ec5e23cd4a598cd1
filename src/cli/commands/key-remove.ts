import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'

export const keyRemove = defineCommand<{}, [string]>({
  name: 'key remove',
  brief: 'remove a passphrase or a key file',
  description: [
    'Removes a key by the beginning of its id. The last key cannot be removed. Who had the passphrase or the key file and a copy of its slot can still open what they copied: removing a key is no protection against somebody who used it before.',
  ],
  examples: [{ command: 'holdfast key remove 8c21', what: 'remove one; `holdfast key list` shows the ids' }],
  parameters: {
    positional: { kind: 'tuple', parameters: [{ placeholder: 'KEY', brief: 'Beginning of its id', parse: named }] },
  },
  async run(context, _flags, id) {
    const [{ withKeys }, keys] = await Promise.all([import('../repository.ts'), import('../key-commands.ts')])
    await withKeys(context, 'write', (opened) => keys.removeKey(context, opened, id))
  },
})
