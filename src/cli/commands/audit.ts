import { defineCommand } from '../command.ts'
import { text } from '../flags.ts'

export const audit = defineCommand<{ checkpoint?: string }>({
  name: 'audit',
  brief: 'verify that nothing of the history was changed or taken away',
  description: [
    'Verifies the whole history: the signature and the certificate of every snapshot and log record, that each chain is one and without holes, that what one writer has seen of others is there, that times agree; and says of every gap who forgot it and when, whether an interrupted backup left it, or that it is missing. It reads no files; `check` does.',
    'What was there and was never seen by anybody who is asked can be taken away unnoticed. So hold it against a checkpoint that was kept elsewhere (--checkpoint); what this machine remembers of the repository is compared too. Needs no more than a key that may read. The exit code is 14 when something is found.',
  ],
  examples: [
    { command: 'holdfast audit', what: 'against what this machine has seen' },
    { command: 'holdfast audit --checkpoint ~/checkpoint.txt', what: 'against what was kept elsewhere' },
    { command: 'holdfast audit --checkpoint -', what: 'with a checkpoint typed in' },
  ],
  needs: 'history',
  parameters: {
    flags: {
      checkpoint: text('FILE|TEXT', 'Compare with this checkpoint: a file, its text, or - for standard input'),
    },
  },
  async run(context, flags) {
    const { runAudit } = await import('../audit-view.ts')
    return runAudit(context, flags)
  },
})
