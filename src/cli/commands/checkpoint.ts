import { defineCommand } from '../command.ts'
import { texts, yes } from '../flags.ts'

export type CheckpointFlags = {
  readonly full?: boolean
  readonly qr?: boolean
  readonly publish?: readonly string[]
}

export const checkpoint = defineCommand<CheckpointFlags>({
  name: 'checkpoint',
  brief: 'print what the history is now, to keep elsewhere',
  description: [
    'Prints a short text with the identity of the repository, the fingerprint of its root key, and the newest snapshot and log record of every writer. Keep it where whoever keeps the store cannot change it: on paper, in another place. `holdfast audit` later holds the store against it, so that nothing that was there can be taken away or replaced unnoticed. It is no secret and opens nothing.',
    'Where more than eight chains would have to be named, one hash stands for them; --full names them all, and so does what is published. --publish gives the text to a second place as well; the configuration key `publish` has each backup do that.',
  ],
  examples: [
    { command: 'holdfast checkpoint', what: 'to be printed or copied by hand' },
    { command: 'holdfast checkpoint --qr', what: 'to be photographed' },
    { command: 'holdfast checkpoint --publish https://witness.example/team', what: 'to a server of somebody else' },
  ],
  needs: 'history',
  parameters: {
    flags: {
      full: yes('Name the newest objects of all chains, however many'),
      qr: yes('Show it as a QR code too'),
      publish: texts(
        'TARGET',
        'Give it to file:PATH, command:COMMAND (on standard input) or an https: address (POST) as well',
      ),
    },
  },
  async run(context, flags) {
    const { runCheckpoint } = await import('../checkpoint-view.ts')
    return runCheckpoint(context, flags)
  },
})
