import { printJson } from '@hq-export/runtime/table.ts'
import { type Command, InvalidArgumentError } from 'commander'
import type { CommandLine } from '../../cli/command-line.ts'
import { parseId } from '../../cli/parse-id.ts'
import { discardDeadLetters } from '../discard-dead-letters.ts'
import { listDeadLetters } from '../list-dead-letters.ts'
import { replayDeadLetters } from '../replay-dead-letters.ts'
import { missingIds, type SelectedDeadLetter, selectDeadLetters } from '../selection.ts'
import { showDeadLetter } from '../show-dead-letter.ts'
import { printDeadLetter, printDeadLetters, printReplay } from './print-dead-letters.ts'
import { type SelectionOptions, selectionOf, withSelectors } from './selectors.ts'

function parseLimit(text: string): number {
  const limit = Number(text)
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000_000)
    throw new InvalidArgumentError('must be a number of rows')
  return limit
}

function addList(parent: Command, { withDatabase, print, exitFailed }: CommandLine): void {
  parent
    .command('list')
    .description('open ones, the last that failed first; exit status 1 if there are any')
    .option('--dataset <name>', 'only of this dataset')
    .option('--reason <code>', 'only with this reason')
    .option('--resolved', 'those that were replayed or discarded, instead')
    .option('--limit <rows>', 'at most this many', parseLimit, 100)
    .option('--json', 'as JSON')
    .action(async (options: Parameters<typeof listDeadLetters>[1] & { json?: boolean }) => {
      const letters = await withDatabase((client) => listDeadLetters(client, options))
      print(options.json ? printJson(letters) : printDeadLetters(letters))
      if (letters.some(({ resolution }) => resolution === null)) exitFailed()
    })
}

function addShow(parent: Command, { withDatabase, print, exitFailed }: CommandLine): void {
  parent
    .command('show')
    .description('everything that is kept of one')
    .argument('<id>', 'as list shows it', parseId)
    .option('--values', "the row's values too; they may be personal data")
    .option('--json', 'as JSON')
    .action(async (id: string, options: { values?: boolean; json?: boolean }) => {
      const letter = await withDatabase((client) =>
        showDeadLetter(client, id, options.values ?? false),
      )
      if (letter === undefined) {
        print(options.json ? printJson(null) : `no dead letter ${id}`)
        exitFailed()
      } else {
        print(options.json ? printJson(letter) : printDeadLetter(letter))
      }
    })
}

function addReplay(parent: Command, { withDatabase, print, exitFailed }: CommandLine): void {
  const command = withSelectors(
    parent
      .command('replay')
      .description('send the rows again, as the source has them now; exit status 1 if one cannot'),
  )
  command.action(async (options: SelectionOptions) => {
    const selection = selectionOf(command, options)
    const { summary, missing } = await withDatabase(async (client) => {
      const letters = await selectDeadLetters(client, selection)
      return {
        summary: await replayDeadLetters(client, letters, options.dryRun ?? false),
        missing: missingIds(selection, letters),
      }
    })
    if (options.json) print(printJson({ ...summary, missing }))
    else print([printReplay(summary), ...missing.map((id) => `no dead letter ${id}`)].join('\n'))
    if (summary.not_replayable.length > 0 || missing.length > 0) exitFailed()
  })
}

function countBy(letters: readonly SelectedDeadLetter[]) {
  const groups = Map.groupBy(letters, ({ dataset, reason }) => `${dataset}  ${reason}`)
  return [...groups].map(([group, { length }]) => `${length}  ${group}`)
}

function addDiscard(parent: Command, { withDatabase, print, exitFailed }: CommandLine): void {
  const command = withSelectors(
    parent.command('discard').description('give the rows up; they stay on record'),
  ).option('--note <text>', 'why, for whoever asks later')
  command.action(async (options: SelectionOptions & { note?: string }) => {
    const selection = selectionOf(command, options)
    const isDryRun = options.dryRun ?? false
    const letters = await withDatabase(async (client) => {
      const selected = await selectDeadLetters(client, selection)
      const ids = selected.map(({ id }) => id)
      if (!isDryRun) await discardDeadLetters(client, ids, options.note)
      return selected
    })
    const missing = missingIds(selection, letters)
    if (options.json) {
      print(printJson({ dry_run: isDryRun, selected: letters.length, missing }))
    } else {
      const verb = isDryRun ? 'would be discarded' : 'discarded'
      const lines = [`${letters.length} ${verb}`, ...countBy(letters)]
      print([...lines, ...missing.map((id) => `no dead letter ${id}`)].join('\n'))
    }
    if (missing.length > 0) exitFailed()
  })
}

/** Adds `dead-letters list | show | replay | discard` to the program. */
export function addDeadLetterCommands(program: Command, commandLine: CommandLine): void {
  const parent = program
    .command('dead-letters')
    .description('rows that HQ refused, or that could not be captured')
  addList(parent, commandLine)
  addShow(parent, commandLine)
  addReplay(parent, commandLine)
  addDiscard(parent, commandLine)
}
