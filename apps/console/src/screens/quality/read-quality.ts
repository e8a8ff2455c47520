import { DATASETS } from '@hq-export/contract'
import { emptyProfile } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import {
  type ListedIncident,
  listIncidents,
} from '@hq-export/hq-ingest/quality/incident/list-incidents.ts'
import { readVerdicts } from '@hq-export/hq-ingest/quality/report/read-verdicts.ts'
import type { Verdict } from '@hq-export/hq-ingest/quality/verdict.ts'
import type pg from 'pg'
import { type Complete, readComplete } from '../../flow/read-complete.ts'
import { readSums } from '../../flow/read-profiles.ts'
import type { Window } from '../../flow/window.ts'

/** What a day of a dataset of a source came to. */
export interface ReportedDay {
  readonly day: string
  readonly source: string
  readonly dataset: string
  readonly verdicts: readonly Verdict[]
}

/** What the rows of a dataset were like in the window. */
export interface DatasetFlow {
  readonly dataset: string
  readonly sum: Profile
}

/** What HQ knows of the quality of what came. */
export interface QualityView {
  readonly open: readonly ListedIncident[]
  readonly closed: readonly ListedIncident[]
  readonly complete: readonly Complete[]
  /** Days that have a report, the newest first. */
  readonly days: readonly string[]
  /** The day that is shown; undefined where none has a report. */
  readonly day: string | undefined
  readonly reports: readonly ReportedDay[]
  readonly flows: readonly DatasetFlow[]
}

const MAX_OPEN = 100
const MAX_CLOSED = 20
const MAX_DAYS = 31

const DAYS = /* sql */ `
select day::text as day from ingest.quality_report group by day order by day desc limit ${MAX_DAYS}`

const REPORTS = /* sql */ `
select day::text as day, source, dataset, verdicts from ingest.quality_report
where day = $1::date order by source, dataset`

/**
 * Reads what checks found.
 * @param asked a day; the newest one with a report where it has none.
 */
export async function readQuality(
  client: pg.ClientBase,
  window: Window,
  asked: string | undefined,
): Promise<QualityView> {
  const days = (await client.query<{ day: string }>(DAYS)).rows.map(({ day }) => day)
  const day = days.find((known) => known === asked) ?? days[0]
  const sums = await readSums(client, window)
  const flows = DATASETS.map(({ name: dataset }): DatasetFlow => {
    return { dataset, sum: sums.get(dataset) ?? emptyProfile() }
  })
  const reports = day === undefined ? [] : (await client.query<ReportedDay>(REPORTS, [day])).rows
  return {
    open: await listIncidents(client, {}, MAX_OPEN),
    closed: await listIncidents(client, { closed: true }, MAX_CLOSED),
    complete: await readComplete(client),
    ...{ days, day, flows },
    reports: reports.map((report) => ({ ...report, verdicts: readVerdicts(report) })),
  }
}
