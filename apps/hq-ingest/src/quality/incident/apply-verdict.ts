import type pg from 'pg'
import { type Severity, sizeOf, type Verdict } from '../verdict.ts'
import { nextStep, type OpenIncident } from './next-step.ts'

/** What a verdict is about. */
export interface Judged {
  readonly source: string
  readonly dataset: string
  readonly verdict: Verdict
  /** Of the rows that were judged; milliseconds since the epoch. */
  readonly begin: number
  readonly end: number
}

/** What is to be told of an incident. */
export interface Told {
  readonly source: string
  readonly dataset: string
  readonly check: string
  readonly severity: Severity
  readonly what: 'opened' | 'repeated' | 'closed'
}

const time = (parameter: string) => `pg_catalog.to_timestamp(${parameter}::float8 / 1000)`

// Locks the row: a command may accept it at the same time.
const OPEN = /* sql */ `
select id::text as id, severity, clean_windows as "cleanWindows", repeats, size,
       (extract(epoch from told_at) * 1000)::float8 as "toldAt"
from ingest.incident
where source = $1 and dataset = $2 and check_name = $3 and closed_at is null
for update`

const INSERT = /* sql */ `
insert into ingest.incident
  (source, dataset, check_name, began_at, opened_at, last_failed_at, told_at, size, severity,
   evidence)
values ($1, $2, $3, ${time('$4')}, ${time('$5')}, ${time('$5')}, ${time('$5')}, $6, $7, $8)`

const FAIL = /* sql */ `
update ingest.incident
set last_failed_at = ${time('$2')}, clean_windows = 0, severity = $3, evidence = $4,
    told_at = case when $5 then ${time('$2')} else told_at end,
    repeats = repeats + $5::int,
    size = case when $5 then $6 else size end
where id = $1`

const CLEAN = /* sql */ `
update ingest.incident set clean_windows = clean_windows + 1 where id = $1`

const CLOSE = /* sql */ `
update ingest.incident
set clean_windows = clean_windows + 1, closed_at = ${time('$2')} where id = $1`

/**
 * Does to the incident of a check what a verdict says. Runs in the transaction that notes that the
 * window was judged, so that no window counts twice.
 * @returns what is to be told after COMMIT.
 */
export async function applyVerdict(
  client: pg.ClientBase,
  { source, dataset, verdict, begin, end }: Judged,
): Promise<Told | undefined> {
  const { check } = verdict
  const { rows } = await client.query<OpenIncident>(OPEN, [source, dataset, check])
  const [open] = rows
  const step = nextStep(open, verdict, end)
  const told = (what: Told['what'], severity: Severity): Told => {
    return { source, dataset, check, severity, what }
  }
  const size = sizeOf(verdict)
  switch (step.kind) {
    case 'nothing':
      return undefined
    case 'open':
      await client.query(INSERT, [
        ...[source, dataset, check, begin, end, size, verdict.severity, JSON.stringify(verdict)],
      ])
      return told('opened', verdict.severity)
    case 'fail': {
      const { isTold, severity } = step
      await client.query(FAIL, [open?.id, end, severity, JSON.stringify(verdict), isTold, size])
      return isTold ? told('repeated', severity) : undefined
    }
    case 'clean':
      await client.query(CLEAN, [open?.id])
      return undefined
    case 'close':
      await client.query(CLOSE, [open?.id, end])
      return told('closed', open?.severity ?? verdict.severity)
    default:
      return step satisfies never
  }
}
