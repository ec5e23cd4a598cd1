import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'

export const keyImport = defineCommand<{}, [string]>({
  name: 'key import',
  brief: 'put a copy of a key back into the store',
  description: [
    'Puts back what `holdfast key export` has written. No credential is needed; whether the key belongs to this repository shows when it is used.',
  ],
  examples: [{ command: 'holdfast key import holdfast-key.bin', what: 'after the store has lost its keys' }],
  needs: null,
  parameters: {
    positional: { kind: 'tuple', parameters: [{ placeholder: 'FILE', brief: 'A copy of a key', parse: named }] },
  },
  async run(context, _flags, file) {
    const { importKey } = await import('../key-copies.ts')
    await importKey(context, file)
  },
})
