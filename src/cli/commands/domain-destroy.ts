import { defineCommand } from '../command.ts'
import { named, text, yes } from '../flags.ts'

type DomainDestroyFlags = { readonly overwrite?: boolean; readonly reason?: string; readonly yes?: string }

export const domainDestroy = defineCommand<DomainDestroyFlags, [string]>({
  name: 'domain destroy',
  brief: 'destroy a domain with everything in it',
  description: [
    'Destroys a domain: takes its keys out of all keys that an administrator has made, removes keys that open nothing else, and deletes every snapshot and all data of the domain, the trash among them. Nothing brings it back. Other domains are not touched. It takes the key of an administrator, shows what goes, and asks for the name of the domain.',
    'With --overwrite the files of a store in a folder are overwritten before their room is given back. That is worth as much as what is below writes in place: an SSD, a file system that copies on write (btrfs, ZFS) or keeps snapshots, and every copy of the store keep what they have.',
    'Whoever kept the bytes of the store, and a passphrase or other credential with a key slot from before, can read them as before. Keys that no administrator has made keep the keys of the domain, and are named. Nobody should make backups into the domain meanwhile.',
    'What is damaged, so that nobody can tell whether it is of the domain, stays and is named; the exit code is 4 then. Repair first.',
    'Where it is cut off the key in use still has the domain: run it again. The log says for ever that the domain is gone, when and who did it; `check` and `audit` know its snapshots from it. The only domain is not destroyed: delete the repository instead.',
  ],
  examples: [{ command: 'holdfast domain destroy post', what: 'asks for the name again' }],
  needs: 'admin',
  parameters: {
    flags: {
      overwrite: yes('Overwrite files before they are removed'),
      reason: text('TEXT', 'Why, for the log'),
      yes: text('NAME', 'The name of the domain, instead of the question'),
    },
    positional: {
      kind: 'tuple',
      parameters: [{ placeholder: 'NAME', brief: 'Name or id of the domain', parse: named }],
    },
  },
  async run(context, flags, name) {
    const [{ withKeys }, { destroyDomainNamed }] = await Promise.all([
      import('../repository.ts'),
      import('../domain-destruction.ts'),
    ])
    return withKeys(context, 'write', (opened) => destroyDomainNamed(context, opened, name, flags))
  },
})
