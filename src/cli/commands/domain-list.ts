import { defineCommand } from '../command.ts'

export const domainList = defineCommand({
  name: 'domain list',
  brief: 'list the domains that the key in use has',
  description: [
    'Lists the groups of machines and people whose backups share content, as far as the key in use is of them. A backup goes to the one marked with `*` unless `--domain` or the configuration names another one.',
  ],
  examples: [{ command: 'holdfast domain list', what: 'what does this key open?' }],
  needs: null,
  parameters: {},
  async run(context) {
    const [{ withKeys }, domains] = await Promise.all([import('../repository.ts'), import('../domain-commands.ts')])
    await withKeys(context, 'read', (opened) => domains.listDomains(context, opened))
  },
})
