import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'

export const keyTest = defineCommand<{}, [string | undefined]>({
  name: 'key test',
  brief: 'try which keys the given credential opens',
  description: [
    'Tries every key of the repository with the credential that is given, and says which it opens. With KEY it has to open that one. So a credential that is kept for bad days can be tried on a good one.',
    'Ends with an error when no key opens, or when one is damaged.',
  ],
  examples: [
    { command: 'holdfast key test --identity /media/usb/identity.txt', what: 'is the identity on the stick good?' },
    { command: 'holdfast key test 8c21 --gpg', what: 'does gpg open this one?' },
  ],
  needs: null,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ placeholder: 'KEY', brief: 'Beginning of its id', parse: named, optional: true }],
    },
  },
  async run(context, _flags, id) {
    const { testKeys } = await import('../key-tests.ts')
    await testKeys(context, id)
  },
})
