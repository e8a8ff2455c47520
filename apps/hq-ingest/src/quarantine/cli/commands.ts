import { type Command, InvalidArgumentError } from 'commander'
import type pg from 'pg'
import { connectPlain, createPool } from '../../db/connect.ts'
import { assertSeesAll } from '../../db/hidden-tables.ts'
import { hqMigrations } from '../../db/migrations.ts'
import { loadDatabaseUrl } from '../../process/config.ts'
import { discardEntries } from '../discard-entries.ts'
import { listEntries } from '../list-entries.ts'
import { replayEntries } from '../replay-entries.ts'
import { countSelected, missingIds, type Selection } from '../selection.ts'
import { showEntry } from '../show-entry.ts'
import { printCounts, printEntry, printPage, printReplay } from './print-entries.ts'
import {
  filtersOf,
  parseId,
  type SelectorOptions,
  selectionOf,
  withFilters,
  withSelectors,
} from './selectors.ts'

/** What the commands need of the program around them. */
export interface CommandLine {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly print: (line: string) => void
  /** Something is wrong, and the output says what: exit status 1. */
  readonly exitFailed: () => void
}

interface ChangeOptions extends SelectorOptions {
  readonly by?: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

function parseLimit(text: string): number {
  const limit = Number(text)
  if (/^\d{1,6}$/.test(text) && limit >= 1) return limit
  throw new InvalidArgumentError('must be a number of entries')
}

async function withPool<T>({ env }: CommandLine, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const databaseUrl = loadDatabaseUrl(env)
  // Not as the writer, whom a database that is not migrated lacks.
  const client = await connectPlain(databaseUrl)
  try {
    await hqMigrations.assertApplied(client)
  } finally {
    await client.end()
  }
  const pool = createPool(databaseUrl, 1)
  // The query that a lost session breaks reports it.
  pool.on('error', () => {})
  try {
    await assertSeesAll(pool)
    return await work(pool)
  } finally {
    await pool.end()
  }
}

function addList(parent: Command, commandLine: CommandLine): void {
  const { print, exitFailed } = commandLine
  withFilters(
    parent
      .command('list')
      .description('open entries, newest first; exit status 1 if there are any'),
  )
    .option('--resolved', 'those that were replayed or discarded, instead')
    .option('--limit <entries>', 'at most this many', parseLimit, 100)
    .option('--before <id>', 'the page below this entry', parseId)
    .option('--json', 'print JSON')
    .action(
      async (
        options: SelectorOptions & { limit: number; before?: string; json?: boolean },
      ): Promise<void> => {
        const { resolved, limit, before, json } = options
        const page = await withPool(commandLine, (pool) =>
          listEntries(pool, { ...filtersOf(options), resolved }, limit, before),
        )
        print(json ? JSON.stringify(page) : printPage(page))
        if (resolved !== true && page.entries.length > 0) exitFailed()
      },
    )
}

function addShow(parent: Command, commandLine: CommandLine): void {
  const { print, exitFailed } = commandLine
  parent
    .command('show')
    .description('everything that is kept of one entry')
    .argument('<id>', 'as list shows it', parseId)
    .option('--values', 'the row, too; it may be personal data')
    .option('--json', 'print JSON')
    .action(async (id: string, { values, json }: { values?: boolean; json?: boolean }) => {
      const entry = await withPool(commandLine, (pool) => showEntry(pool, id, values ?? false))
      if (entry === undefined) {
        print(json ? 'null' : `no entry ${id}`)
        exitFailed()
      } else print(json ? JSON.stringify(entry) : printEntry(entry))
    })
}

/** Says which ids do not exist, and what would be done; true where that is all there is to do. */
async function rehearse(
  pool: pg.Pool,
  { print, exitFailed }: CommandLine,
  verb: string,
  selection: Selection,
  { dryRun, json }: ChangeOptions,
): Promise<boolean> {
  const missing = await missingIds(pool, selection)
  if (missing.length > 0) exitFailed()
  if (missing.length > 0 && !json) print(`no entry ${missing.join(', ')}`)
  if (!dryRun) return false
  const selected = await countSelected(pool, selection)
  print(json ? JSON.stringify({ dryRun: true, selected, missing }) : printCounts(verb, selected))
  return true
}

function addReplay(parent: Command, commandLine: CommandLine): void {
  const { print, exitFailed } = commandLine
  const command = withSelectors(
    parent
      .command('replay')
      .description('apply the rows as HQ knows them now; exit status 1 if one is not applied'),
  )
  command
    .option('--by <name>', 'who does it, for the audit; the login role without')
    .option('--json', 'print JSON')
    .action(async (options: ChangeOptions) => {
      const selection = selectionOf(command, options)
      await withPool(commandLine, async (pool) => {
        if (await rehearse(pool, commandLine, 'replayed', selection, options)) return
        const summary = await replayEntries(pool, { selection, by: options.by }, (done) => {
          if (!options.json) print(`${done} done`)
        })
        print(options.json ? JSON.stringify(summary) : printReplay(summary))
        if (summary.refused.length + summary.notReplayable.length > 0) exitFailed()
      })
    })
}

function addDiscard(parent: Command, commandLine: CommandLine): void {
  const { print } = commandLine
  const command = withSelectors(
    parent.command('discard').description('close entries for good; their rows stay readable'),
  )
  command
    .requiredOption('--reason <text>', 'why')
    .option('--by <name>', 'who does it, for the audit; the login role without')
    .option('--json', 'print JSON')
    .action(async (options: ChangeOptions & { reason: string }) => {
      const selection = selectionOf(command, options)
      await withPool(commandLine, async (pool) => {
        if (await rehearse(pool, commandLine, 'discarded', selection, options)) return
        const ids = await discardEntries(pool, { selection, by: options.by }, options.reason)
        print(options.json ? JSON.stringify({ discarded: ids }) : `${ids.length} discarded`)
      })
    })
}

/** Adds `quarantine list | show | replay | discard` to the program. */
export function addQuarantineCommands(program: Command, commandLine: CommandLine): void {
  const parent = program.command('quarantine').description('rows that HQ refused')
  addList(parent, commandLine)
  addShow(parent, commandLine)
  addReplay(parent, commandLine)
  addDiscard(parent, commandLine)
}
