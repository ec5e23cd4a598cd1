import { defineCommand } from '../command.ts'
import { named } from '../flags.ts'

export const domainGrant = defineCommand<{}, [string, string, ...string[]]>({
  name: 'domain grant',
  brief: 'give a domain to keys that lack it',
  description: [
    'Gives a domain to the holders of these keys, who need not be there: their keys are made anew, and open with what opened them before. What a key may do stays as it is. It takes the key of an administrator, and works for keys that an administrator has made; `holdfast key list` shows which these are.',
    'A machine that was let in is certified for the domains it had: to make backups into another one it asks again, with `holdfast enroll request --anew`.',
  ],
  examples: [{ command: 'holdfast domain grant private 8c21', what: 'for the key whose id begins with 8c21' }],
  needs: 'admin',
  parameters: {
    positional: {
      kind: 'array',
      minimum: 2,
      parameter: {
        placeholder: 'NAME KEY',
        brief: 'Name or id of the domain, then the beginnings of ids of keys',
        parse: named,
      },
    },
  },
  async run(context, _flags, name, ...keys) {
    const [{ withKeys }, domains] = await Promise.all([import('../repository.ts'), import('../domain-commands.ts')])
    await withKeys(context, 'write', (opened) => domains.grantDomainTo(context, opened, name, keys))
  },
})
