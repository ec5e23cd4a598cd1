import { defineCommand } from '../command.ts'
import { text, texts, yes } from '../flags.ts'

type KeyRotateFlags = {
  readonly domain?: readonly string[]
  readonly except?: readonly string[]
  readonly reason?: string
  readonly yes?: boolean
}

export const keyRotate = defineCommand<KeyRotateFlags>({
  name: 'key rotate',
  brief: 'make new keys for what is stored from now on',
  description: [
    'Makes new keys for reading, and gives them to everybody whose key stays: their keys are made anew, and open with what opened them before. Who had a key that was removed with `holdfast key remove`, or is left out with --except, cannot read backups that are made from now on, whatever he has kept. It takes the key of an administrator.',
    'Lists first who gets the new keys and who does not: keys that no administrator has made cannot be made anew. Then asks, or does it at once with --yes. When it is cut off, the repository opens as before; run it again.',
    'What was stored before is not stored anew: who could read it, and gets at the store or has a copy of it, still can. Names of packs, their sizes and what the index says stay readable to former members too; to take that away as well, go on in a new domain.',
  ],
  examples: [
    { command: 'holdfast key rotate', what: 'after a key was removed' },
    {
      command: 'holdfast key rotate --except 8c21 --domain private',
      what: 'this key is not to read what comes into it',
    },
  ],
  needs: 'admin',
  parameters: {
    flags: {
      domain: texts('DOMAIN', 'Only for this domain; for all of them unless given'),
      except: texts('KEY', 'Not for this key: the beginning of its id'),
      reason: text('TEXT', 'Why, for the log'),
      yes: yes('Do not ask'),
    },
  },
  async run(context, flags) {
    const [{ withKeys }, { rotateReadKeys }] = await Promise.all([
      import('../repository.ts'),
      import('../key-rotation.ts'),
    ])
    await withKeys(context, 'write', (opened) => rotateReadKeys(context, opened, flags))
  },
})
