import {
  type ChangeOptions as CommonOptions,
  parseId,
  withJson,
  withLimit,
  withNote,
} from '@hq-export/runtime/cli/options.ts'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type { RelayCommandLine } from '../../cli/command-line.ts'
import { discardDeadLetters } from '../discard-dead-letters.ts'
import { listDeadLetters } from '../list-dead-letters.ts'
import { replayDeadLetters } from '../replay-dead-letters.ts'
import { missingIds, type SelectedDeadLetter, selectDeadLetters } from '../selection.ts'
import { showDeadLetter } from '../show-dead-letter.ts'
import {
  printDeadLetter,
  printDeadLetters,
  printMissing,
  printReplay,
} from './print-dead-letters.ts'
import { type FilterOptions, selectionOf, withFilters, withSelectors } from './selectors.ts'

type ChangeOptions = CommonOptions & FilterOptions & { readonly by?: string }

/** Adds `--by`. */
function withActor(command: Command): Command {
  return command.option('--by <name>', 'who does it, for the audit; the login role without')
}

function addList(parent: Command, { withDatabase, print, exitFailed }: RelayCommandLine): void {
  const command = withFilters(
    parent
      .command('list')
      .description('open ones, the last that failed first; exit status 1 if there are any'),
  ).option('--resolved', 'those that were replayed or discarded, instead')
  withJson(withLimit(command)).action(
    async (options: Parameters<typeof listDeadLetters>[1] & { json?: boolean }) => {
      const letters = await withDatabase((client) => listDeadLetters(client, options))
      print(options.json ? printJson(letters) : printDeadLetters(letters))
      if (letters.some(({ resolution }) => resolution === null)) exitFailed()
    },
  )
}

function addShow(parent: Command, { withDatabase, print, exitFailed }: RelayCommandLine): void {
  withJson(
    parent
      .command('show')
      .description('everything that is kept of one')
      .argument('<id>', 'as list shows it', parseId)
      .option('--values', 'the row, too; it may be personal data'),
  ).action(async (id: string, { values, json }: { values?: boolean; json?: boolean }) => {
    const letter = await withDatabase((client) => showDeadLetter(client, id, values ?? false))
    if (letter === undefined) {
      print(json ? printJson(null) : printMissing([id]).join('\n'))
      exitFailed()
    } else {
      print(json ? printJson(letter) : printDeadLetter(letter))
    }
  })
}

function addReplay(parent: Command, { withDatabase, print, exitFailed }: RelayCommandLine): void {
  const command = withSelectors(
    parent
      .command('replay')
      .description('send the rows again, as the source has them now; exit status 1 if one cannot'),
  )
  withActor(command).action(async (options: ChangeOptions) => {
    const selection = selectionOf(options)
    const { summary, missing } = await withDatabase(async (client) => {
      const letters = await selectDeadLetters(client, selection)
      return {
        summary: await replayDeadLetters(client, letters, options.dryRun ?? false, options),
        missing: missingIds(selection, letters),
      }
    })
    if (options.json) print(printJson({ ...summary, missing }))
    else print([printReplay(summary), ...printMissing(missing)].join('\n'))
    if (summary.not_replayable.length > 0 || missing.length > 0) exitFailed()
  })
}

function countBy(letters: readonly SelectedDeadLetter[]) {
  const groups = Map.groupBy(letters, ({ dataset, reason }) => `${dataset}  ${reason}`)
  return [...groups].map(([group, { length }]) => `${length}  ${group}`)
}

function addDiscard(parent: Command, { withDatabase, print, exitFailed }: RelayCommandLine): void {
  const command = withNote(
    withSelectors(parent.command('discard').description('give the rows up; they stay on record')),
  )
  withActor(command).action(async (options: ChangeOptions & { note: string }) => {
    const selection = selectionOf(options)
    const isDryRun = options.dryRun ?? false
    const letters = await withDatabase(async (client) => {
      const selected = await selectDeadLetters(client, selection)
      const ids = selected.map(({ id }) => id)
      if (!isDryRun) {
        const { by, note } = options
        await transact(client, () => discardDeadLetters(client, ids, { by, note }))
      }
      return selected
    })
    const missing = missingIds(selection, letters)
    if (options.json) {
      print(printJson({ dry_run: isDryRun, selected: letters.length, missing }))
    } else {
      const verb = isDryRun ? 'would be discarded' : 'discarded'
      const lines = [`${letters.length} ${verb}`, ...countBy(letters)]
      print([...lines, ...printMissing(missing)].join('\n'))
    }
    if (missing.length > 0) exitFailed()
  })
}

/** Adds `dead-letters list | show | replay | discard` to the program. */
export function addDeadLetterCommands(program: Command, commandLine: RelayCommandLine): void {
  const parent = program
    .command('dead-letters')
    .description('rows that HQ refused, or that could not be captured')
  addList(parent, commandLine)
  addShow(parent, commandLine)
  addReplay(parent, commandLine)
  addDiscard(parent, commandLine)
}
