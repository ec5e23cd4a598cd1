// The route map: which words lead to which command. Each command's file is light; what it needs to work it imports
// when it runs, so that a command that opens no repository starts at once.
import { buildApplication, buildRouteMap, formatMessageForArgumentScannerError, text_en } from '@stricli/core'
import type { Application, ApplicationText, RouteMap } from '@stricli/core'
import { BackupError } from '../base/errors.ts'
import { nearWords } from '../base/near-words.ts'
import type { HoldfastCommand } from './command.ts'
import { audit } from './commands/audit.ts'
import { backup } from './commands/backup.ts'
import { cat } from './commands/cat.ts'
import { check } from './commands/check.ts'
import { checkpoint } from './commands/checkpoint.ts'
import { completion } from './commands/completion.ts'
import { domainAdd } from './commands/domain-add.ts'
import { domainDestroy } from './commands/domain-destroy.ts'
import { domainGrant } from './commands/domain-grant.ts'
import { domainList } from './commands/domain-list.ts'
import { domainRename } from './commands/domain-rename.ts'
import { diff } from './commands/diff.ts'
import { drill } from './commands/drill.ts'
import { enrollApprove } from './commands/enroll-approve.ts'
import { enrollList } from './commands/enroll-list.ts'
import { enrollRevoke } from './commands/enroll-revoke.ts'
import { enrollRequest } from './commands/enroll-request.ts'
import { find } from './commands/find.ts'
import { forget } from './commands/forget.ts'
import { holdAdd } from './commands/hold-add.ts'
import { holdList } from './commands/hold-list.ts'
import { holdRemove } from './commands/hold-remove.ts'
import { init } from './commands/init.ts'
import { keyAdd } from './commands/key-add.ts'
import { keyExport } from './commands/key-export.ts'
import { keyImport } from './commands/key-import.ts'
import { keyList } from './commands/key-list.ts'
import { keyPasswd } from './commands/key-passwd.ts'
import { keyRemove } from './commands/key-remove.ts'
import { keyRotate } from './commands/key-rotate.ts'
import { keyTest } from './commands/key-test.ts'
import { ls } from './commands/ls.ts'
import { man } from './commands/man.ts'
import { policySet } from './commands/policy-set.ts'
import { policyShow } from './commands/policy-show.ts'
import { repair } from './commands/repair.ts'
import { prune } from './commands/prune.ts'
import { restore } from './commands/restore.ts'
import { scrub } from './commands/scrub.ts'
import { snapshots } from './commands/snapshots.ts'
import { stats } from './commands/stats.ts'
import { trashList } from './commands/trash-list.ts'
import { trashPurge } from './commands/trash-purge.ts'
import { trashRecall } from './commands/trash-recall.ts'
import { version } from './commands/version.ts'
import type { Context } from './context.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import { renderOverview, type HelpTopic } from './help.ts'

/** In the order in which help lists them. */
const TOPICS: readonly (readonly [title: string, commands: readonly HoldfastCommand[]])[] = [
  ['Every day', [backup, snapshots, restore]],
  ['Looking into snapshots', [ls, find, diff, cat]],
  [
    'What is kept',
    [forget, prune, policyShow, policySet, holdAdd, holdRemove, holdList, trashList, trashRecall, trashPurge],
  ],
  [
    'Care for the repository',
    [
      init,
      check,
      audit,
      checkpoint,
      scrub,
      repair,
      drill,
      stats,
      keyList,
      keyAdd,
      keyRemove,
      keyPasswd,
      keyRotate,
      keyTest,
      keyExport,
      keyImport,
    ],
  ],
  [
    'Other machines',
    [
      enrollRequest,
      enrollApprove,
      enrollList,
      enrollRevoke,
      domainList,
      domainAdd,
      domainGrant,
      domainRename,
      domainDestroy,
    ],
  ],
  ['About Holdfast', [version, completion, man]],
]

export const commands: readonly HoldfastCommand[] = TOPICS.flatMap(([, members]) => members)

const key = withHelp(
  buildRouteMap<string, Context>({
    routes: {
      list: keyList,
      add: keyAdd,
      remove: keyRemove,
      passwd: keyPasswd,
      rotate: keyRotate,
      test: keyTest,
      export: keyExport,
      import: keyImport,
    },
    docs: { brief: 'manage what opens the repository' },
  }),
  (bold) =>
    renderOverview(
      'holdfast key: manage what opens the repository',
      'holdfast key COMMAND [flags]',
      [
        'A repository may have any number of keys: passphrases, key files, and public keys of SSH, age and OpenPGP. Each opens all of it; losing all of them loses the data.',
      ],
      [topic('Commands', [keyList, keyAdd, keyRemove, keyPasswd, keyRotate, keyTest, keyExport, keyImport])],
      bold,
    ),
)

const policy = withHelp(
  buildRouteMap<string, Context>({
    routes: { show: policyShow, set: policySet },
    docs: { brief: 'say which snapshots are kept' },
  }),
  (bold) =>
    renderOverview(
      'holdfast policy: say which snapshots are kept',
      'holdfast policy COMMAND [flags]',
      ['The policy lies in the repository and is what `holdfast forget` goes by. Without one nothing is forgotten.'],
      [topic('Commands', [policyShow, policySet])],
      bold,
    ),
)

const hold = withHelp(
  buildRouteMap<string, Context>({
    routes: { add: holdAdd, remove: holdRemove, list: holdList },
    docs: { brief: 'keep snapshots whatever the policy says' },
  }),
  (bold) =>
    renderOverview(
      'holdfast hold: keep snapshots whatever the policy says',
      'holdfast hold COMMAND [flags]',
      [
        'What is held is not forgotten until it is released, or until a date. A date by which it must be gone counts too.',
      ],
      [topic('Commands', [holdAdd, holdRemove, holdList])],
      bold,
    ),
)

const trash = withHelp(
  buildRouteMap<string, Context>({
    routes: { list: trashList, recall: trashRecall, purge: trashPurge },
    docs: { brief: 'bring back what was forgotten' },
  }),
  (bold) =>
    renderOverview(
      'holdfast trash: bring back what was forgotten',
      'holdfast trash COMMAND [flags]',
      ['Forgotten snapshots lie in the trash for some days before they are gone.'],
      [topic('Commands', [trashList, trashRecall, trashPurge])],
      bold,
    ),
)

const enroll = withHelp(
  buildRouteMap<string, Context>({
    routes: { request: enrollRequest, approve: enrollApprove, list: enrollList, revoke: enrollRevoke },
    docs: { brief: 'let other machines in, and out' },
  }),
  (bold) =>
    renderOverview(
      'holdfast enroll: let other machines in, and out',
      'holdfast enroll COMMAND [flags]',
      [
        'The new machine runs `enroll request`, an administrator `enroll approve` with the code that it shows. No secret leaves either side. `enroll revoke` ends what a machine may do.',
      ],
      [topic('Commands', [enrollRequest, enrollApprove, enrollList, enrollRevoke])],
      bold,
    ),
)

const domain = withHelp(
  buildRouteMap<string, Context>({
    routes: { list: domainList, add: domainAdd, grant: domainGrant, rename: domainRename, destroy: domainDestroy },
    docs: { brief: 'keep groups of machines and people apart' },
  }),
  (bold) =>
    renderOverview(
      'holdfast domain: keep groups of machines and people apart',
      'holdfast domain COMMAND [flags]',
      [
        'Backups of one domain share content with each other. Who is of another one can neither read it nor tell what is in it. A backup goes to one domain: `holdfast backup --domain NAME`.',
      ],
      [topic('Commands', [domainList, domainAdd, domainGrant, domainRename, domainDestroy])],
      bold,
    ),
)

const root = withHelp(
  buildRouteMap<string, Context>({
    routes: {
      init,
      backup,
      snapshots,
      ls,
      cat,
      restore,
      prune,
      check,
      audit,
      checkpoint,
      diff,
      find,
      stats,
      forget,
      policy,
      hold,
      trash,
      key,
      enroll,
      domain,
      repair,
      drill,
      scrub,
      version,
      completion,
      man,
    },
    docs: { brief: 'encrypted, deduplicating backups' },
  }),
  (bold) =>
    renderOverview(
      'holdfast: encrypted, deduplicating backups',
      'holdfast COMMAND [flags] [arguments]',
      [
        '`holdfast backup DIR` is all it takes: it creates an encrypted repository when there is none, stores what is new, and says how to restore it. `holdfast COMMAND --help` explains a command with examples.',
      ],
      TOPICS.map(([title, members]) => topic(title, members)),
      bold,
    ),
)

const text: ApplicationText = {
  ...text_en,
  exceptionWhileParsingArguments(error) {
    return error instanceof Error && error.constructor.name.endsWith('Error') ? parsingMessage(error) : String(error)
  },
  noCommandRegisteredForInput({ input, corrections }) {
    const near = nearWords(
      input,
      corrections.map((word) => word.replaceAll('`', '')),
    )
    return `there is no command \`${input}\`${meant(near.map((word) => `\`${word}\``))}`
  },
}

export const app: Application<Context> = buildApplication<Context>(root, {
  name: 'holdfast',
  scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
  localization: { text },
})

function parsingMessage(error: Error): string {
  return formatMessageForArgumentScannerError(error as never, {
    ArgumentParseError: ({ externalFlagNameOrPlaceholder: name, exception }) => {
      const hint = exception instanceof BackupError && exception.hint !== undefined ? `; ${exception.hint}` : ''
      const why = `${exception instanceof Error ? exception.message : String(exception)}${hint}`
      return `${/^[A-Z]/.test(name) ? name : `--${name}`}: ${why}`
    },
    UnsatisfiedPositionalError: ({ placeholder }) => `${placeholder} is missing`,
    UnexpectedPositionalError: ({ input }) => `unexpected argument \`${input}\``,
    FlagNotFoundError: ({ input, corrections }) => {
      const near = nearWords(input, [...corrections, ...GLOBAL_FLAGS.map(({ name }) => name)])
      return `there is no flag --${input}${meant(near.map((name) => `--${name}`))}`
    },
    AliasNotFoundError: ({ input }) => `there is no flag -${input}`,
    UnexpectedFlagError: ({ externalFlagName, input }) =>
      `--${externalFlagName} is given twice, the second time with \`${input}\``,
    UnsatisfiedFlagError: ({ externalFlagName }) => `--${externalFlagName} needs a value`,
    EnumValidationError: ({ externalFlagName, input, values }) =>
      `--${externalFlagName} cannot be \`${input}\`, only ${values.join(', ')}`,
  })
}

/** What is near enough to be a slip; stricli takes what shares some letters for that too. */
function meant(near: readonly string[]): string {
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`
}

function topic(title: string, members: readonly HoldfastCommand[]): HelpTopic {
  return { title, rows: members.map(({ words }) => [words.name, words.brief] as const) }
}

function withHelp(routes: RouteMap<Context>, help: (bold: boolean) => string): RouteMap<Context> {
  return Object.defineProperty(routes, 'formatHelp', {
    value: ({ ansiColor }: { ansiColor: boolean }) => help(ansiColor),
  })
}
