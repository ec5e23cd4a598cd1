import { defineCommand } from '../command.ts'
import { named, yes } from '../flags.ts'

export const domainAdd = defineCommand<{ yes?: boolean; publicData?: boolean }, [string]>({
  name: 'domain add',
  brief: 'add a domain, with keys of its own',
  description: [
    'Adds a group whose backups share content with each other and with nobody else: who has not its keys cannot read it, and learns nothing from equal content in another domain. It takes the key of an administrator.',
    'With --public-data nothing that is stored for the domain is encrypted: whoever has the store reads every file and name in it. What is changed there is noticed all the same. It is for data that is public anyway; it cannot be changed afterwards, and backups say it each time. Other domains are not touched by it.',
    'All administrators get the domain: their keys, recovery sheets among them, are made anew with it and open with what opened them before. Keys that no administrator has made cannot be made anew; those are listed, and nothing is done without `--yes`. Give the domain to others with `holdfast domain grant`.',
  ],
  examples: [
    { command: 'holdfast domain add private', what: 'a group that shares with nobody yet' },
    { command: 'holdfast domain add mirror --public-data', what: 'a copy of what everybody can download' },
  ],
  needs: 'admin',
  parameters: {
    flags: {
      publicData: yes('Say that everybody may read what is backed up for the domain: it is not encrypted'),
      yes: yes('Also when there are keys of administrators that do not get the domain'),
    },
    positional: { kind: 'tuple', parameters: [{ placeholder: 'NAME', brief: 'Name of the domain', parse: named }] },
  },
  async run(context, flags, name) {
    const [{ withKeys }, domains] = await Promise.all([import('../repository.ts'), import('../domain-commands.ts')])
    await withKeys(context, 'write', (opened) => domains.addDomainNamed(context, opened, name, flags))
  },
})
