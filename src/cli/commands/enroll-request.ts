import { defineCommand } from '../command.ts'
import { text, yes } from '../flags.ts'

export const enrollRequest = defineCommand<{ root?: string; noWait?: boolean; anew?: boolean }>({
  name: 'enroll request',
  brief: 'ask to let this machine in',
  description: [
    'For a machine that has no key of the repository: makes one, which never leaves it, asks in the repository to be let in, shows a code and waits until somebody runs `holdfast enroll approve` with that code elsewhere. From then on this machine opens the repository by itself.',
    'Whoever owns the store could show it another repository. So the root key has to be compared with what the other side shows: this is asked at the end, or given with --root where there is no terminal.',
  ],
  examples: [{ command: 'holdfast enroll request --repo /mnt/backup', what: 'on the new machine; then do as it says' }],
  needs: null,
  parameters: {
    flags: {
      root: text('FINGERPRINT', 'The root key of the repository, as `enroll approve` shows it'),
      noWait: yes('Ask, and do not wait for the answer'),
      anew: yes('Ask with a new key, for another role or after a key was removed'),
    },
  },
  async run(context, flags) {
    const [{ withStore }, { requestToEnroll }] = await Promise.all([
      import('../repository.ts'),
      import('../enrolment.ts'),
    ])
    await withStore(context, (store) => requestToEnroll(context, store, flags), 'write')
  },
})
