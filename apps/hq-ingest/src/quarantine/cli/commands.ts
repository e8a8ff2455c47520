import {
  type ChangeOptions as CommonOptions,
  parseId,
  withJson,
  withLimit,
  withNote,
} from '@hq-export/runtime/cli/options.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type pg from 'pg'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { withPool } from '../../cli/with-pool.ts'
import { discardEntries } from '../discard-entries.ts'
import { listEntries } from '../list-entries.ts'
import { replayEntries } from '../replay-entries.ts'
import { countSelected, missingIds, type Selection } from '../selection.ts'
import { showEntry } from '../show-entry.ts'
import { printCounts, printEntry, printMissing, printPage, printReplay } from './print-entries.ts'
import {
  type FilterOptions,
  filtersOf,
  selectionOf,
  withFilters,
  withSelectors,
} from './selectors.ts'

type ChangeOptions = CommonOptions & FilterOptions & { readonly by?: string }

function addList(parent: Command, commandLine: IngestCommandLine): void {
  const { print, exitFailed } = commandLine
  const command = withFilters(
    parent
      .command('list')
      .description('open entries, newest first; exit status 1 if there are any'),
  )
    .option('--resolved', 'those that were replayed or discarded, instead')
    .option('--before <id>', 'the page below this entry', parseId)
  withJson(withLimit(command)).action(
    async (
      options: FilterOptions & {
        resolved?: boolean
        limit: number
        before?: string
        json?: boolean
      },
    ): Promise<void> => {
      const { resolved, limit, before, json } = options
      const page = await withPool(commandLine, (pool) =>
        listEntries(pool, { ...filtersOf(options), resolved }, limit, before),
      )
      print(json ? printJson(page) : printPage(page))
      if (resolved !== true && page.entries.length > 0) exitFailed()
    },
  )
}

function addShow(parent: Command, commandLine: IngestCommandLine): void {
  const { print, exitFailed } = commandLine
  withJson(
    parent
      .command('show')
      .description('everything that is kept of one')
      .argument('<id>', 'as list shows it', parseId)
      .option('--values', 'the row, too; it may be personal data'),
  ).action(async (id: string, { values, json }: { values?: boolean; json?: boolean }) => {
    const entry = await withPool(commandLine, (pool) => showEntry(pool, id, values ?? false))
    if (entry === undefined) {
      print(json ? printJson(null) : printMissing([id]))
      exitFailed()
    } else print(json ? printJson(entry) : printEntry(entry))
  })
}

/**
 * Finds the ids that do not exist, and says what would be done where nothing else is wanted.
 * @returns the ids; undefined where that was all there is to do.
 */
async function rehearse(
  pool: pg.Pool,
  { print, exitFailed }: IngestCommandLine,
  verb: string,
  selection: Selection,
  { dryRun, json }: ChangeOptions,
): Promise<string[] | undefined> {
  const missing = await missingIds(pool, selection)
  if (missing.length > 0) exitFailed()
  if (missing.length > 0 && !json) print(printMissing(missing))
  if (!dryRun) return missing
  const counts = await countSelected(pool, selection)
  const selected = counts.reduce((sum, { rows }) => sum + rows, 0)
  print(
    json
      ? printJson({ dry_run: true, selected, counts, missing })
      : printCounts(verb, selected, counts),
  )
  return undefined
}

/** Adds `--by`. */
function withActor(command: Command): Command {
  return command.option('--by <name>', 'who does it, for the audit; the login role without')
}

function addReplay(parent: Command, commandLine: IngestCommandLine): void {
  const { print, exitFailed } = commandLine
  const command = withSelectors(
    parent
      .command('replay')
      .description('apply the rows as HQ knows them now; exit status 1 if one is not applied'),
  )
  withActor(command).action(async (options: ChangeOptions) => {
    const selection = selectionOf(options)
    await withPool(commandLine, async (pool) => {
      const missing = await rehearse(pool, commandLine, 'replayed', selection, options)
      if (missing === undefined) return
      const summary = await replayEntries(pool, { selection, by: options.by }, (done) => {
        if (!options.json) print(`${done} done`)
      })
      const { replayed, refused, notReplayable } = summary
      print(
        options.json
          ? printJson({
              dry_run: false,
              selected: replayed.length + refused.length + notReplayable.length,
              ...{ replayed, refused, not_replayable: notReplayable, missing },
            })
          : printReplay(summary),
      )
      if (refused.length + notReplayable.length > 0) exitFailed()
    })
  })
}

function addDiscard(parent: Command, commandLine: IngestCommandLine): void {
  const { print } = commandLine
  const command = withNote(
    withSelectors(parent.command('discard').description('give the rows up; they stay on record')),
  )
  withActor(command).action(async (options: ChangeOptions & { note: string }) => {
    const selection = selectionOf(options)
    await withPool(commandLine, async (pool) => {
      const missing = await rehearse(pool, commandLine, 'discarded', selection, options)
      if (missing === undefined) return
      const ids = await discardEntries(pool, { selection, by: options.by }, options.note)
      print(
        options.json
          ? printJson({ dry_run: false, selected: ids.length, discarded: ids, missing })
          : `${ids.length} discarded`,
      )
    })
  })
}

/** Adds `quarantine list | show | replay | discard` to the program. */
export function addQuarantineCommands(program: Command, commandLine: IngestCommandLine): void {
  const parent = program.command('quarantine').description('rows that HQ refused')
  addList(parent, commandLine)
  addShow(parent, commandLine)
  addReplay(parent, commandLine)
  addDiscard(parent, commandLine)
}
