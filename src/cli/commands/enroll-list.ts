import { defineCommand } from '../command.ts'

export const enrollList = defineCommand({
  name: 'enroll list',
  brief: 'list machines that wait to be let in',
  description: ['Lists the codes of the machines that have asked, with the time by the clock of the store.'],
  examples: [{ command: 'holdfast enroll list', what: 'who waits?' }],
  needs: null,
  parameters: {},
  async run(context) {
    const [{ withKeys }, { listMachines }] = await Promise.all([import('../repository.ts'), import('../enrolment.ts')])
    await withKeys(context, 'read', (opened) => listMachines(context, opened))
  },
})
