import type { Role } from '../../format/bundle.ts'
import { defineCommand } from '../command.ts'
import { named, oneOf, text, texts } from '../flags.ts'

const ROLES = ['write', 'read', 'maintain', 'report', 'admin'] as const satisfies readonly Role[]

export const enrollApprove = defineCommand<{ role?: Role; domain?: readonly string[]; name?: string }, [string]>({
  name: 'enroll approve',
  brief: 'let a machine in',
  description: [
    'Lets the machine in that has asked with this code. Its key is made so that only that machine can use it; no secret of yours reaches it. Takes the key of an administrator.',
    'Roles: `write` (the default) makes backups and cannot read or delete any; `read` restores too; `maintain` sees names and trees, and cannot read files; `report` sees when backups were made and how large they are; `admin` can do everything.',
  ],
  examples: [
    {
      command: 'holdfast enroll approve 4kq0t-9wx3b-7dzmn-2rfvh --role write --name laptop',
      what: 'a machine that can make backups and nothing else',
    },
  ],
  needs: 'admin',
  parameters: {
    flags: {
      role: oneOf(ROLES, 'What it may do'),
      domain: texts('DOMAIN', 'Only for this domain of the repository; all of them unless given'),
      name: text('NAME', 'What the machine is called, for listings'),
    },
    positional: {
      kind: 'tuple',
      parameters: [{ placeholder: 'CODE', brief: 'The code that the machine shows', parse: named }],
    },
  },
  async run(context, flags, code) {
    const [{ withKeys }, { approveMachine }] = await Promise.all([
      import('../repository.ts'),
      import('../enrolment.ts'),
    ])
    await withKeys(context, 'write', (opened) => approveMachine(context, opened, code, flags))
  },
})
