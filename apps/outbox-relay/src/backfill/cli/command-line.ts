import type { Terminal } from '@hq-export/runtime/cli/progress-line.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type pg from 'pg'
import type { HistoryTriggersDropped } from '../../binding/install/drop-history-triggers.ts'
import type { RelayCommandLine } from '../../cli/command-line.ts'
import type { RelayConfig } from '../../process/config.ts'
import type { Logger } from '../../process/log.ts'
import { backfillFacts, describeBackfill } from './describe-backfill.ts'
import { type FollowEnd, followBackfill } from './follow-backfill.ts'
import { ProgressDisplay } from './progress-display.ts'

/** What the commands of backfills need of the program around them. */
export interface BackfillCommandLine extends RelayCommandLine {
  /** The work is not done, and the output says why: exit status 2. */
  readonly exitIncomplete: () => void
  readonly loadConfig: () => RelayConfig
  readonly createErrorLog: () => Logger
  readonly terminal: Terminal
  /** Takes out the triggers of histories that are complete, as the login role. */
  readonly dropHistoryTriggers: (client: pg.ClientBase) => Promise<HistoryTriggersDropped>
  /** From now on Ctrl-C and SIGTERM abort the signal instead of the process. */
  readonly interruptible: () => AbortSignal
}

/** What to do next, for people; undefined where there is nothing. */
function nextStep({ kind, record }: FollowEnd): string | undefined {
  const { id, state } = record
  const resume = `npm run relay -- backfill resume ${id}`
  if (kind === 'halted') {
    return `check HQ_INGEST_URL, HQ_SIGNING_SECRET, clock. It stays recorded; go on with: ${resume}`
  }
  if (kind === 'left' && state === 'running') {
    return (
      `it goes on in the relay. Follow it again: ${resume}; ` +
      `stop it: npm run relay -- backfill pause ${id}`
    )
  }
  return state === 'paused' || state === 'failed'
    ? `it waits at its checkpoint. Go on with: ${resume}`
    : undefined
}

/**
 * What became of the triggers that kept replaced versions, for people; undefined where there was
 * nothing to do.
 */
function describeClosing(closing: HistoryTriggersDropped): string | undefined {
  switch (closing.kind) {
    case 'nothing':
      return undefined
    case 'closed':
      return (
        `the history of ${closing.datasets.join(', ')} is complete; ` +
        'the triggers that kept replaced versions are gone'
      )
    case 'left':
      return (
        `the history of ${closing.datasets.join(', ')} is complete, but the triggers that kept ` +
        `replaced versions are still there: ${closing.why}; run: npm run relay -- bind NAME, ` +
        'as the role that binds'
      )
    default:
      return closing satisfies never
  }
}

function report(
  end: FollowEnd,
  isJson: boolean,
  { print, exitFailed, exitIncomplete }: BackfillCommandLine,
): void {
  const { record } = end
  const facts = backfillFacts(record)
  if (end.kind !== 'ended' || record.state !== 'completed') exitIncomplete()
  else if (facts.refused > 0) exitFailed()
  const next = nextStep(end)
  const sentences = [describeBackfill(record), ...(next === undefined ? [] : [next])]
  print(isJson ? printJson(facts) : sentences.join('\n'))
}

/** Follows a backfill on the command's session, showing progress, and says how it ended. */
export async function followOnCommandLine(
  client: pg.Client,
  id: string,
  isJson: boolean,
  commandLine: BackfillCommandLine,
): Promise<void> {
  const { loadConfig, createErrorLog, interruptible, terminal, dropHistoryTriggers } = commandLine
  const display = new ProgressDisplay(terminal)
  const end = await followBackfill(
    {
      client,
      loadConfig,
      log: createErrorLog(),
      interrupted: interruptible(),
      onProgress: (record) => display.show(record),
    },
    id,
  ).finally(() => display.end())
  if (end.record.state === 'completed') {
    const closing = describeClosing(await dropHistoryTriggers(client))
    if (closing !== undefined) terminal.write(`${closing}\n`)
  }
  report(end, isJson, commandLine)
}
