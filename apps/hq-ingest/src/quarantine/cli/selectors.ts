import { isDatasetName, ROW_CODES, UUID_PATTERN } from '@hq-export/contract'
import { type Command, InvalidArgumentError } from 'commander'
import type { Selection } from '../selection.ts'

/** What the filters of a command were given. */
export interface SelectorOptions extends Selection {
  readonly id?: readonly string[]
  readonly all?: boolean
}

/** Reads the id of an entry. @throws InvalidArgumentError for anything else. */
export function parseId(text: string): string {
  if (/^[1-9]\d{0,17}$/.test(text)) return text
  throw new InvalidArgumentError('must be the id of an entry')
}

function parseDataset(text: string): string {
  if (isDatasetName(text) || text === 'dx_heartbeat_v1') return text
  throw new InvalidArgumentError('must be a dataset of the contract')
}

function parseCode(text: string): string {
  if (ROW_CODES.some((code) => code === text)) return text
  throw new InvalidArgumentError(`must be one of ${ROW_CODES.join(', ')}`)
}

function parseOrg(text: string): string {
  if (UUID_PATTERN.test(text)) return text
  throw new InvalidArgumentError('must be a uuid')
}

function parseSince(text: string): string {
  const time = Date.parse(text)
  if (/^\d{4}-/.test(text) && !Number.isNaN(time)) return new Date(time).toISOString()
  throw new InvalidArgumentError('must be an instant in ISO 8601, such as 2026-03-01T12:00:00Z')
}

/** Adds the filters. */
export function withFilters(command: Command): Command {
  return command
    .option('--dataset <name>', 'of this dataset', parseDataset)
    .option('--code <code>', 'refused for this reason', parseCode)
    .option('--source <name>', 'of this source')
    .option('--org <uuid>', 'of this org', parseOrg)
    .option('--batch <id>', 'that came last in this batch')
    .option('--since <instant>', 'refused last at or after this instant', parseSince)
}

/** Adds the filters, ids and --all, of commands that change something. */
export function withSelectors(command: Command): Command {
  return withFilters(command)
    .option('--id <id...>', 'these', (text, ids: string[] = []) => [...ids, parseId(text)])
    .option('--all', 'every open one')
    .option('--dry-run', 'only count')
}

/** The filters that were given. */
export function filtersOf(options: SelectorOptions): Selection {
  const { source, dataset, code, org, batch, since } = options
  return { source, dataset, code, org, batch, since }
}

/**
 * What the options select; ends the program with status 2 where they select everything without
 * saying so.
 */
export function selectionOf(command: Command, options: SelectorOptions): Selection {
  const selection = { ...filtersOf(options), ids: options.id }
  const isFiltered = Object.values(selection).some((value) => value !== undefined)
  if (isFiltered === (options.all === true)) {
    command.error('error: say which: by --id, by filters, or with --all', { exitCode: 2 })
  }
  return selection
}
