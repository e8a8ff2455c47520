import {
  type ListedIncident,
  listIncidents,
} from '@hq-export/hq-ingest/quality/incident/list-incidents.ts'
import { readVerdicts } from '@hq-export/hq-ingest/quality/report/read-verdicts.ts'
import type { Verdict } from '@hq-export/hq-ingest/quality/verdict.ts'
import type pg from 'pg'
import { type Complete, readComplete } from '../../flow/read-complete.ts'
import { type ProfilePoint, readProfiles } from '../../flow/read-profiles.ts'
import { type Refused, readRefused } from '../../flow/read-refused.ts'
import type { Window } from '../../flow/window.ts'
import { readVerifiedOfHq, type Verified } from '../../verified/read-verified.ts'
import { readSenders, type Sender } from '../contract/read-senders.ts'

/** What HQ says of one dataset. */
export interface DatasetView {
  readonly complete: readonly Complete[]
  readonly verified: Verified | undefined
  readonly refused: readonly Refused[]
  readonly points: readonly ProfilePoint[]
  readonly incidents: readonly ListedIncident[]
  /** Of the newest day that has a report; undefined before the first. */
  readonly report: { readonly day: string; readonly verdicts: readonly Verdict[] } | undefined
  readonly senders: readonly Sender[]
}

const REPORT = /* sql */ `
select day::text as day, verdicts from ingest.quality_report
where dataset = $1
order by day desc limit 1`

const MAX_INCIDENTS = 50

/** Reads HQ for the page of a dataset. */
export async function readDataset(
  client: pg.ClientBase,
  dataset: string,
  window: Window,
): Promise<DatasetView> {
  const complete = (await readComplete(client)).filter((row) => row.dataset === dataset)
  const verified = await readVerifiedOfHq(client)
  const [report] = (await client.query<NonNullable<DatasetView['report']>>(REPORT, [dataset])).rows
  return {
    complete,
    verified: verified.find((row) => row.dataset === dataset),
    refused: await readRefused(client, [dataset]),
    points: await readProfiles(client, dataset, window),
    incidents: await listIncidents(client, { dataset }, MAX_INCIDENTS),
    report: report && { ...report, verdicts: readVerdicts({ ...report, dataset }) },
    senders: await readSenders(client),
  }
}
