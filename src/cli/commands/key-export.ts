import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'

export const keyExport = defineCommand<{}, [string, string]>({
  name: 'key export',
  brief: 'write a copy of a key, still sealed',
  description: [
    'Writes a key of the repository to a file, which must not exist. It stays sealed: it opens with its credential and with nothing else, and no credential is needed to copy it.',
    'If the store loses its keys, nothing can open the repository any more, not even with the right passphrase. `holdfast key import` then puts the copy back.',
  ],
  examples: [{ command: 'holdfast key export 8c21 holdfast-key.bin', what: 'keep a copy apart from the store' }],
  needs: null,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        { placeholder: 'KEY', brief: 'Beginning of its id', parse: named },
        { placeholder: 'FILE', brief: 'Where to write it', parse: named },
      ],
    },
  },
  async run(context, _flags, id, file) {
    const { exportKey } = await import('../key-copies.ts')
    await exportKey(context, id, file)
  },
})
