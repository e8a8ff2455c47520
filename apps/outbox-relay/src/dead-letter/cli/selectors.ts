import { DATASETS } from '@hq-export/contract'
import {
  assertOneWay,
  type ChangeOptions,
  oneOf,
  withChange,
} from '@hq-export/runtime/cli/options.ts'
import type { Command } from 'commander'
import type { DeadLetterSelection } from '../selection.ts'

/** What the filters of a command were given. */
export interface FilterOptions {
  readonly dataset?: string
  readonly reason?: string
  readonly pointer?: string
}

/** Adds the filters. */
export function withFilters(command: Command): Command {
  return command
    .option('--dataset <name>', 'of this dataset', oneOf(DATASETS.map(({ name }) => name)))
    .option('--reason <code>', 'refused for this reason')
    .option('--pointer <path>', 'refused at this place of the row, such as /row/status')
}

/** Adds the filters, ids and --all, of commands that change something. */
export function withSelectors(command: Command): Command {
  return withChange(withFilters(command))
}

/** What the options select. @throws {OperatorError} unless they say it in exactly one way. */
export function selectionOf(options: ChangeOptions & FilterOptions): DeadLetterSelection {
  const { id, dataset, reason, pointer } = options
  assertOneWay(options, { dataset, reason, pointer })
  return id === undefined ? { dataset, reason, pointer } : { ids: id }
}
