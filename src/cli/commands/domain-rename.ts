import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'

export const domainRename = defineCommand<{}, [string, string]>({
  name: 'domain rename',
  brief: 'give a domain another name',
  description: [
    'Gives a domain another name, in all keys that have it and that an administrator has made. It takes the key of an administrator. Nothing that is stored changes; configuration files that name the domain have to be changed by hand.',
  ],
  examples: [{ command: 'holdfast domain rename private letters', what: 'the same domain, with a better name' }],
  needs: 'admin',
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        { placeholder: 'NAME', brief: 'Name or id of the domain', parse: named },
        { placeholder: 'NEW', brief: 'Its new name', parse: named },
      ],
    },
  },
  async run(context, _flags, name, next) {
    const [{ withKeys }, domains] = await Promise.all([import('../repository.ts'), import('../domain-commands.ts')])
    await withKeys(context, 'write', (opened) => domains.renameDomainTo(context, opened, name, next))
  },
})
