import { DATASETS, ROW_CODES, UUID_PATTERN } from '@hq-export/contract'
import {
  assertOneWay,
  type ChangeOptions,
  matching,
  oneOf,
  parseInstant,
  withChange,
} from '@hq-export/runtime/cli/options.ts'
import type { Command } from 'commander'
import type { Selection } from '../selection.ts'

/** What the filters of a command were given. */
export type FilterOptions = Pick<
  Selection,
  'dataset' | 'reason' | 'pointer' | 'source' | 'org' | 'batch' | 'since'
>

const DATASET_NAMES = [...DATASETS.map(({ name }) => name), 'dx_heartbeat_v1']

/** Adds the filters. */
export function withFilters(command: Command): Command {
  return command
    .option('--dataset <name>', 'of this dataset', oneOf(DATASET_NAMES))
    .option('--reason <code>', 'refused for this reason', oneOf(ROW_CODES))
    .option('--pointer <path>', 'refused at this place of the row, such as /row/status')
    .option('--source <name>', 'of this source')
    .option('--org <uuid>', 'of this org', matching(UUID_PATTERN, 'must be a UUID'))
    .option('--batch <id>', 'that came last in this batch')
    .option('--since <instant>', 'refused last at or after this instant', parseInstant)
}

/** Adds the filters, ids and --all, of commands that change something. */
export function withSelectors(command: Command): Command {
  return withChange(withFilters(command))
}

/** The filters that were given. */
export function filtersOf(options: FilterOptions): FilterOptions {
  const { dataset, reason, pointer, source, org, batch, since } = options
  return { dataset, reason, pointer, source, org, batch, since }
}

/** What the options select. @throws {OperatorError} unless they say it in exactly one way. */
export function selectionOf(options: ChangeOptions & FilterOptions): Selection {
  const filters = filtersOf(options)
  assertOneWay(options, { ...filters })
  return { ...filters, ids: options.id }
}
