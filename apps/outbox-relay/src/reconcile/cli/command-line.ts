import type { ReconciliationState } from '@hq-export/contract'
import type { Terminal } from '@hq-export/runtime/cli/progress-line.ts'
import type { RelayCommandLine } from '../../cli/command-line.ts'
import type { RelayConfig } from '../../process/config.ts'
import type { Logger } from '../../process/log.ts'

/** What the commands of reconciliations need of the program around them. */
export interface ReconcileCommandLine extends RelayCommandLine {
  /** It could not be told, and the output says why: exit status 2. */
  readonly exitIncomplete: () => void
  readonly loadConfig: () => RelayConfig
  readonly createErrorLog: () => Logger
  readonly terminal: Terminal
  /** From now on Ctrl-C and SIGTERM abort the signal instead of the process. */
  readonly interruptible: () => AbortSignal
}

/**
 * Exit status of what a run came to: 0 equal, 1 different, 2 undecided. A run that repaired is 1,
 * too: it has found what differs, and only a later reading proves that it does no more.
 */
export function exitAs(
  state: ReconciliationState,
  { exitFailed, exitIncomplete }: ReconcileCommandLine,
): void {
  if (state === 'undecided') exitIncomplete()
  else if (state !== 'equal') exitFailed()
}
