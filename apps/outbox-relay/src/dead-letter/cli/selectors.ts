import type { Command } from 'commander'
import { parseId } from '../../cli/parse-id.ts'
import type { DeadLetterSelection } from '../selection.ts'

/** What the selectors of a command were given. */
export interface SelectionOptions {
  readonly id?: readonly string[]
  readonly dataset?: string
  readonly reason?: string
  readonly all?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** Adds the options that say which dead letters a command is about. */
export function withSelectors(command: Command): Command {
  return command
    .option('--id <id...>', 'these, settled or not', (text, ids: string[] = []) => [
      ...ids,
      parseId(text),
    ])
    .option('--dataset <name>', 'open ones of this dataset')
    .option('--reason <code>', 'open ones with this reason')
    .option('--all', 'every open one')
    .option('--dry-run', 'only count what would happen')
    .option('--json', 'as JSON')
}

/**
 * What the options select; ends the program with status 2 unless they say it in exactly one way.
 */
export function selectionOf(command: Command, options: SelectionOptions): DeadLetterSelection {
  const { id, dataset, reason, all } = options
  const ways = [id, dataset ?? reason, all].filter((way) => way !== undefined)
  if (ways.length !== 1)
    command.error('error: say which: --id, or --dataset and/or --reason, or --all', { exitCode: 2 })
  return id === undefined ? { dataset, reason } : { ids: id }
}
