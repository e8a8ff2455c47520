import { DATASETS, isDatasetName, UUID_PATTERN } from '@hq-export/contract'
import { type Command, InvalidArgumentError } from 'commander'
import pg from 'pg'
import { readBinding } from '../binding/read-binding.ts'
import type { RelayConfig } from '../config.ts'
import type { CommandLine } from '../dead-letter/commands.ts'
import { parseId } from '../dead-letter/selectors.ts'
import type { Logger } from '../log.ts'
import { printJson } from '../print.ts'
import {
  type BackfillRecord,
  insertBackfill,
  listBackfills,
  readBackfill,
  type Steer,
  steerBackfill,
} from './backfill-record.ts'
import { backfillFacts, describeBackfill, describeBackfills } from './describe-backfill.ts'
import { estimateScan } from './estimate.ts'
import { type FollowEnd, followBackfill } from './follow-backfill.ts'
import { NotBoundError, type Pass, planPasses } from './pass.ts'
import { describePreview, previewBackfill } from './preview-backfill.ts'
import { beginPass } from './progress.ts'
import { ProgressMeter } from './progress-meter.ts'
import type { BackfillSelection } from './selection.ts'

/** How often a line of progress is written where nobody looks at a terminal. */
const PLAIN_LINE_MS = 5_000
/** Class 22: PostgreSQL cannot read a value that was given. */
const DATA_EXCEPTION = '22'

/** What the commands of backfills need of the program around them. */
export interface BackfillCommandLine extends CommandLine {
  /** The work is not done, and the output says why: exit status 2. */
  readonly undone: () => void
  readonly loadConfig: () => RelayConfig
  /** To standard error, so that nothing stands between the results. */
  readonly createErrorLog: () => Logger
  /** Where progress is shown; a terminal is rewritten in place. */
  readonly terminal: { readonly isTTY: boolean; readonly write: (text: string) => void }
  /** From now on Ctrl-C and SIGTERM abort the signal instead of the process. */
  readonly interruptible: () => AbortSignal
}

interface StartOptions {
  readonly dataset: string | null
  readonly since?: string
  readonly until?: string
  readonly org?: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

function parseDataset(text: string): string | null {
  if (text === 'all') return null
  if (isDatasetName(text)) return text
  throw new InvalidArgumentError(
    `must be all or one of ${DATASETS.map(({ name }) => name).join(', ')}`,
  )
}

function parseOrg(text: string): string {
  if (!UUID_PATTERN.test(text)) throw new InvalidArgumentError('must be a UUID')
  return text.toLowerCase()
}

/** Shows progress: one line in place on a terminal, else a line now and then. */
class ProgressDisplay {
  readonly #terminal: BackfillCommandLine['terminal']
  readonly #meter = new ProgressMeter()
  #shownAt = Number.NEGATIVE_INFINITY

  constructor(terminal: BackfillCommandLine['terminal']) {
    this.#terminal = terminal
  }

  show(record: BackfillRecord): void {
    const now = performance.now()
    const line = this.#meter.describe(record, now)
    if (this.#terminal.isTTY) {
      this.#terminal.write(`\r\u001b[2K${line}`)
    } else if (now - this.#shownAt >= PLAIN_LINE_MS) {
      this.#shownAt = now
      this.#terminal.write(`${line}\n`)
    }
  }

  end(): void {
    if (this.#terminal.isTTY) this.#terminal.write('\r\u001b[2K')
  }
}

function report(
  end: FollowEnd,
  isJson: boolean,
  { say, found, undone }: BackfillCommandLine,
): void {
  const { kind, record } = end
  const { id, state } = record
  const isCompleted = kind === 'ended' && state === 'completed'
  if (!isCompleted) undone()
  else if (backfillFacts(record).refused > 0) found()
  if (isJson) {
    say(printJson({ ...backfillFacts(record), ...(kind === 'halted' && { reason: end.reason }) }))
    return
  }
  say(describeBackfill(record))
  if (kind === 'halted') {
    say(
      `${end.reason}: check HQ_INGEST_URL, HQ_SIGNING_SECRET, clock. It stays recorded; go on with: npm run relay -- backfill resume ${id}`,
    )
  } else if (kind === 'left' && state === 'running') {
    say(
      `it goes on in the relay. Follow it again: npm run relay -- backfill resume ${id}; stop it: npm run relay -- backfill pause ${id}`,
    )
  } else if (state === 'paused' || state === 'failed') {
    say(`it waits at its checkpoint. Go on with: npm run relay -- backfill resume ${id}`)
  }
}

/** Follows on the command's session, showing progress. */
async function follow(
  client: pg.Client,
  id: string,
  isJson: boolean,
  commandLine: BackfillCommandLine,
): Promise<void> {
  const display = new ProgressDisplay(commandLine.terminal)
  const end = await followBackfill(
    {
      client,
      loadConfig: commandLine.loadConfig,
      log: commandLine.createErrorLog(),
      interrupted: commandLine.interruptible(),
      onProgress: (record) => display.show(record),
    },
    id,
  ).finally(() => display.end())
  report(end, isJson, commandLine)
}

/** Bounds as PostgreSQL reads them: a date, a timestamp with or without offset (UTC), `yesterday`. */
async function readBounds(
  client: pg.ClientBase,
  command: Command,
  { since = null, until = null }: { since?: string | null; until?: string | null },
): Promise<{ since: string | null; until: string | null }> {
  try {
    const { rows } = await client.query<{
      since: string | null
      until: string | null
      empty: boolean
    }>(
      `select pg_catalog.to_json($1::timestamptz) #>> '{}' as since, pg_catalog.to_json($2::timestamptz) #>> '{}' as until,
              coalesce($1::timestamptz >= $2::timestamptz, false) as empty`,
      [since, until],
    )
    const [bounds] = rows
    if (bounds === undefined) throw new Error('the bounds were read')
    if (bounds.empty) return command.error('error: --since must be earlier than --until')
    return { since: bounds.since, until: bounds.until }
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
    if (!code.startsWith(DATA_EXCEPTION)) throw error
    return command.error(
      'error: --since and --until must be timestamps, such as 2026-03-01T06:30:00Z',
    )
  }
}

async function plan(client: pg.Client, command: Command, dataset: string | null): Promise<Pass[]> {
  try {
    return planPasses(await readBinding(client), { dataset })
  } catch (error) {
    if (!(error instanceof NotBoundError)) throw error
    return command.error(`error: ${error.message}`)
  }
}

/** The backfill that is meant: the one named, else the only one that is not over. */
async function chosen(
  client: pg.Client,
  command: Command,
  id: string | undefined,
): Promise<BackfillRecord> {
  if (id !== undefined) {
    return (await readBackfill(client, id)) ?? command.error(`error: no backfill ${id}`)
  }
  const open = (await listBackfills(client)).filter(
    ({ finishedAt, state }) => finishedAt === null || state === 'failed',
  )
  const [only] = open
  if (only === undefined) return command.error('error: no backfill is under way; see backfill list')
  if (open.length > 1) {
    return command.error(
      `error: several are under way (${open.map((record) => record.id).join(', ')}); name one`,
    )
  }
  return only
}

function addSteer(
  parent: Command,
  steer: Exclude<Steer, 'resume'>,
  description: string,
  commandLine: BackfillCommandLine,
): void {
  const { withDatabase, say, found } = commandLine
  const command = parent
    .command(steer)
    .description(description)
    .argument('[id]', 'as list shows it; not needed while there is only one', parseId)
    .option('--json', 'as JSON')
  command.action(async (id: string | undefined, options: { json?: boolean }) => {
    const { record, isDone } = await withDatabase(async (client) => {
      const meant = await chosen(client, command, id)
      const isDone = await steerBackfill(client, meant.id, steer)
      return { isDone, record: (await readBackfill(client, meant.id)) ?? meant }
    })
    if (options.json) say(printJson(backfillFacts(record)))
    else
      say(
        isDone
          ? `backfill ${record.id} is ${record.state}`
          : `backfill ${record.id} is ${record.state} already`,
      )
    if (!isDone) found()
  })
}

/** Adds `backfill` and `backfill list | pause | resume | cancel` to the program. */
export function addBackfillCommands(program: Command, commandLine: BackfillCommandLine): void {
  const { withDatabase, say, found } = commandLine
  // What stands behind a subcommand is its own: --json exists on two levels.
  const parent = program
    .enablePositionalOptions()
    .command('backfill')
    .enablePositionalOptions()
    .description(
      'send what the source has to HQ, changed or not; returns when all of it is delivered',
    )
    .option('--dataset <name>', 'a dataset of the contract, or all', parseDataset, null)
    .option('--since <timestamp>', 'only rows created or updated at this moment or later')
    .option('--until <timestamp>', 'only rows created or updated before this moment')
    .option('--org <uuid>', 'only rows of this tenant', parseOrg)
    .option('--dry-run', 'only count; write nothing')
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      `
While a relay leads, that one executes it, after live changes; else this command does. It goes on from its checkpoint whoever is
killed. Ctrl-C leaves it to the relay, or pauses it.
Exit status: 0 all delivered, 1 delivered but rows were refused (see dead-letters), 2 not all delivered or bad usage.`,
    )
  parent.action(async (options: StartOptions) => {
    const { dataset, org = null, dryRun = false, json = false } = options
    await withDatabase(async (client) => {
      const passes = await plan(client, parent, dataset)
      const bounds = await readBounds(client, parent, options)
      const selection: BackfillSelection = { dataset, ...bounds, orgId: org }
      if (dryRun) {
        const preview = await previewBackfill(client, passes, selection)
        say(json ? printJson(preview) : describePreview(preview))
        return
      }
      const begun = []
      for (const pass of passes)
        begun.push(beginPass(pass, await estimateScan(client, pass, selection)))
      const id = await insertBackfill(client, selection, { passes: begun, activeMs: 0 })
      await follow(client, id, json, commandLine)
    })
  })

  parent
    .command('list')
    .description('all of them, the newest first; exit status 1 if one has failed or waits')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      const records = await withDatabase(listBackfills)
      say(options.json ? printJson(records.map(backfillFacts)) : describeBackfills(records))
      if (records.some(({ state }) => state === 'failed' || state === 'paused')) found()
    })
  addSteer(parent, 'pause', 'stop at the checkpoint, until resumed', commandLine)
  addSteer(parent, 'cancel', 'stop for good; what HQ has, it keeps', commandLine)
  const resume = parent
    .command('resume')
    .description(
      'go on from the checkpoint, or follow one that runs; returns when all of it is delivered',
    )
    .argument('[id]', 'as list shows it; not needed while there is only one', parseId)
    .option('--json', 'the result as JSON')
  resume.action(async (id: string | undefined, options: { json?: boolean }) => {
    await withDatabase(async (client) => {
      const { id: meant } = await chosen(client, resume, id)
      await steerBackfill(client, meant, 'resume')
      await follow(client, meant, options.json ?? false, commandLine)
    })
  })
}
