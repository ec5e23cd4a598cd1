import { defineCommand } from '../command.ts'
import { named, text } from '../flags.ts'

export type HoldAddFlags = { readonly until?: string; readonly destroyBy?: string; readonly reason?: string }

export const holdAdd = defineCommand<HoldAddFlags, string[]>({
  name: 'hold add',
  brief: 'keep snapshots whatever the policy says',
  description: [
    'A snapshot that is held is not forgotten, by policy or by name, until it is released. With --until it is kept until then and goes by the policy afterwards. With --destroy-by it is forgotten in time for it to be gone from the trash by then; what is held stays all the same.',
    'Dates by which backups must be kept or gone can be given when they are made: `holdfast backup --keep-until 10y`.',
  ],
  examples: [
    { command: 'holdfast hold add 1f2e3d4c --reason lawsuit', what: 'until it is released' },
    { command: 'holdfast hold add latest --until 10y', what: 'ten years from now' },
    { command: 'holdfast hold add 1f2e3d4c --destroy-by 2030-01-01', what: 'must be gone by then' },
  ],
  needs: 'upkeep',
  parameters: {
    flags: {
      until: text('TIME', 'Keep it until then: 2030-01-01, or 90d, 6m, 10y from now'),
      destroyBy: text('TIME', 'Have it gone by then'),
      reason: text('TEXT', 'Why, for the log'),
    },
    positional: { kind: 'array', parameter: { placeholder: 'SNAPSHOT', brief: 'Which', parse: named }, minimum: 1 },
  },
  async run(context, flags, ...specs) {
    const { addHold } = await import('../hold-commands.ts')
    await addHold(context, flags, specs)
  },
})
