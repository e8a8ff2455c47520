import { DATASETS, UUID_PATTERN } from '@hq-export/contract'
import { matching, oneOf } from '@hq-export/runtime/cli/options.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import type { Command } from 'commander'
import pg from 'pg'
import type { BackfillSelection } from '../selection.ts'

/** Class 22: PostgreSQL cannot read a value that was given. */
const DATA_EXCEPTION = '22'

/**
 * Word for every dataset. A parser that gave null for it would not do: commander takes null for an
 * option without a value.
 */
const ALL = 'all'

/** What the options of a command say is to be sent. */
export interface SelectionOptions {
  readonly dataset: string
  readonly since?: string
  readonly until?: string
  readonly org?: string
}

const parseDataset = oneOf([ALL, ...DATASETS.map(({ name }) => name)])
const parseOrg = matching(UUID_PATTERN, 'must be a UUID')

/** Adds `--dataset`, `--since`, `--until` and `--org` to a command. */
export function withSelection(command: Command): Command {
  return command
    .option('--dataset <name>', 'a dataset of the contract, or all', parseDataset, ALL)
    .option('--since <timestamp>', 'only rows created or updated at this moment or later')
    .option('--until <timestamp>', 'only rows created or updated before this moment')
    .option('--org <uuid>', 'only rows of this tenant', parseOrg)
}

const BOUNDS = /* sql */ `
select pg_catalog.to_json($1::timestamptz) #>> '{}' as since,
       pg_catalog.to_json($2::timestamptz) #>> '{}' as until,
       coalesce($1::timestamptz >= $2::timestamptz, false) as empty`

interface Bounds {
  since: string | null
  until: string | null
  empty: boolean
}

/**
 * What is selected. Bounds are what PostgreSQL reads them as: a date, a timestamp with or without
 * offset (UTC), `yesterday`.
 * @throws {OperatorError} for bad usage.
 */
export async function readSelection(
  client: pg.ClientBase,
  { dataset, since, until, org }: SelectionOptions,
): Promise<BackfillSelection> {
  const bounds = await client
    .query<Bounds>(BOUNDS, [since ?? null, until ?? null])
    .catch((error: unknown) => {
      const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
      if (!code.startsWith(DATA_EXCEPTION)) throw error
      throw new OperatorError(
        '--since and --until must be timestamps, such as 2026-03-01T06:30:00Z',
      )
    })
  const [found] = bounds.rows
  if (found === undefined) throw new Error('the bounds were read')
  if (found.empty) throw new OperatorError('--since must be earlier than --until')
  return {
    dataset: dataset === ALL ? null : dataset,
    since: found.since,
    until: found.until,
    orgId: org?.toLowerCase() ?? null,
  }
}
