// The table of exit codes. docs/exit-codes.md is checked against it by a test. Numbers never change their meaning.
import type { ErrorCode } from '../base/errors.ts'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  damage: 4,
  wrongKey: 5,
  notFound: 6,
  unreachable: 7,
  full: 8,
  refused: 9,
  unsupported: 10,
  exists: 11,
  fenced: 12,
  limit: 13,
  history: 14,
  bug: 70,
  interrupted: 130,
  outputClosed: 141,
  terminated: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What each code means, for `docs/exit-codes.md` and the manual page. */
export const EXIT_MEANINGS: readonly { code: ExitCode; meaning: string; next: string }[] = [
  { code: EXIT.ok, meaning: 'Done, nothing left out.', next: '' },
  {
    code: EXIT.failed,
    meaning: 'Failed for a reason that has no code of its own, such as an input/output error.',
    next: 'Read the last line of the error: it is the reason that the system gave.',
  },
  {
    code: EXIT.usage,
    meaning: 'The command line, the configuration or the input makes no sense as given.',
    next: 'Correct it; nothing was done.',
  },
  {
    code: EXIT.partial,
    meaning:
      'Done, but some files could not be read or restored, and each was named; or a backup found no file because rules leave out all that is there, or where the last one had found some.',
    next: 'The snapshot is kept and usable. Look at the files named, or at the rules.',
  },
  {
    code: EXIT.damage,
    meaning: 'Damage found: bytes in the store are not what was written.',
    next: 'Run `holdfast check --read-data`.',
  },
  {
    code: EXIT.wrongKey,
    meaning: 'The passphrase, key file or private key does not open this repository, or lacks the permission.',
    next: 'Try the other credential; nothing was changed.',
  },
  {
    code: EXIT.notFound,
    meaning: 'The repository, snapshot, path or file named does not exist.',
    next: 'Check the name with `holdfast snapshots` or `holdfast ls`.',
  },
  {
    code: EXIT.unreachable,
    meaning: 'The store does not answer; nothing is known about what it holds.',
    next: 'Try again when it is there.',
  },
  {
    code: EXIT.full,
    meaning: 'No space or quota left at the destination.',
    next: 'Make room and run the same command again: what is stored is reused.',
  },
  {
    code: EXIT.refused,
    meaning:
      'Refused: permission denied or read-only; or what is asked for is held back for safety, such as forgetting more than usual, or what is held.',
    next: 'Run it as a user that may, or mount the place writable; or see the hint of the error.',
  },
  {
    code: EXIT.unsupported,
    meaning: 'The repository needs a newer version of Holdfast, or a feature this system lacks.',
    next: 'Update Holdfast; nothing was changed.',
  },
  {
    code: EXIT.exists,
    meaning: 'What was to be created exists already and was left as it is.',
    next: 'Choose another name or use what is there.',
  },
  {
    code: EXIT.fenced,
    meaning: 'While this ran it was declared dead by another process that cleans up; its result does not count.',
    next: 'Run it again.',
  },
  { code: EXIT.limit, meaning: 'A size or a count is over a limit; the error names both.', next: 'See the error.' },
  {
    code: EXIT.history,
    meaning:
      'The history of the repository is not what it was or what it should be: the store went back behind what this machine or a checkpoint has seen, or an audit found something missing without a reason, forged or contradictory.',
    next: 'Run `holdfast audit`. After a store was restored from an older copy, run the command once with `--accept-rollback`.',
  },
  { code: EXIT.bug, meaning: 'A bug in Holdfast.', next: 'Report it with the text shown.' },
  { code: EXIT.interrupted, meaning: 'Stopped by Ctrl-C (SIGINT).', next: 'Run it again: what is stored is reused.' },
  {
    code: EXIT.outputClosed,
    meaning: 'Whoever read the output went away (SIGPIPE), as with `holdfast ls | head`.',
    next: '',
  },
  { code: EXIT.terminated, meaning: 'Stopped by SIGTERM.', next: 'Run it again: what is stored is reused.' },
]

const BY_ERROR_CODE: Record<ErrorCode, ExitCode> = {
  usage: EXIT.usage,
  io: EXIT.failed,
  unreachable: EXIT.unreachable,
  'not-found': EXIT.notFound,
  exists: EXIT.exists,
  corrupt: EXIT.damage,
  'wrong-key': EXIT.wrongKey,
  refused: EXIT.refused,
  full: EXIT.full,
  limit: EXIT.limit,
  unsupported: EXIT.unsupported,
  fenced: EXIT.fenced,
  'rolled-back': EXIT.history,
  interrupted: EXIT.interrupted,
}

export function exitCodeOf(code: ErrorCode): ExitCode {
  return BY_ERROR_CODE[code]
}
