import { platform } from 'node:os'
import { defineCommand } from '../command.ts'
import { VERSION } from '../version.ts'

/** Repository formats that this version reads and writes (docs/format.md). */
const FORMAT = 1

export const version = defineCommand({
  name: 'version',
  brief: 'show the version of Holdfast',
  description: ['Shows the version of Holdfast, of the repository format it writes, and of Node.'],
  examples: [{ command: 'holdfast version', what: 'which version is this?' }],
  needs: null,
  parameters: {},
  async run({ out }) {
    out.line(
      `holdfast ${VERSION} (repository format ${FORMAT}, Node ${process.version}, ${platform()} ${process.arch})`,
    )
    out.record({
      type: 'version',
      version: VERSION,
      format: FORMAT,
      node: process.version,
      platform: platform(),
      arch: process.arch,
    })
  },
})
