import { defineCommand } from '../command.ts'
import { named, yes } from '../flags.ts'

export const domainAdd = defineCommand<{ yes?: boolean }, [string]>({
  name: 'domain add',
  brief: 'add a domain, with keys of its own',
  description: [
    'Adds a group whose backups share content with each other and with nobody else: who has not its keys cannot read it, and learns nothing from equal content in another domain. It takes the key of an administrator, which is made again with the new domain in it.',
    'Other keys do not get the domain, those of other administrators and recovery sheets neither: what is backed up into it cannot be restored with them. They are listed, and nothing is done without `--yes`. Give the domain to others with `holdfast key add`, and remove their old keys.',
  ],
  examples: [{ command: 'holdfast domain add private', what: 'a group that shares with nobody yet' }],
  parameters: {
    flags: { yes: yes('Also when there are other keys of administrators, which do not get the domain') },
    positional: { kind: 'tuple', parameters: [{ placeholder: 'NAME', brief: 'Name of the domain', parse: named }] },
  },
  async run(context, flags, name) {
    const [{ withKeys }, domains] = await Promise.all([import('../repository.ts'), import('../domain-commands.ts')])
    await withKeys(context, 'write', (opened) => domains.addDomainNamed(context, opened, name, flags))
  },
})
