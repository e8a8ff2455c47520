import {
  type FreshnessAnswer,
  type FreshnessReport,
  freshnessReportSchema,
  isDatasetName,
  SCHEMA_VERSION,
} from '@hq-export/contract'
import { storeBalance } from '../balance/store-balance.ts'
import { assertMayWrite } from '../batch/verify-batch.ts'
import { transact } from '../db/transact.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import type { Comparing, Comparison } from '../reconciliation/receive-request.ts'
import { Refusal } from '../refusal/refusal.ts'

/*
 * Fences the lives of a source: one that another has followed does not come back, however late a
 * relay of it still posts. Locks the row of the source until the end of the transaction, so that
 * what is stored below belongs to the life that counts.
 */
const ENTER = /* sql */ `
  insert into ingest.freshness_epoch as e (source, epoch) values ($1, $2)
  on conflict (source) do update
  set epoch = case when $2 = any (e.former) then e.epoch else $2 end,
    former = case when $2 = e.epoch or $2 = any (e.former) then e.former
      else e.former || e.epoch end
  returning epoch = $2 as counts`

// Of one life the greatest moment stands, whoever told it and in whatever order: each of them is
// true. The clock of another life may be another one.
const STORE = /* sql */ `
  insert into ingest.freshness as f
    (source, epoch, told_at, schema_version, key_id, dataset, complete_through, refused)
  select $1, $2, $3::timestamptz, $4, $5, d.dataset, d.complete_through, d.refused
  from pg_catalog.json_to_recordset($6::json) as d
    (dataset text, complete_through timestamptz, refused bigint)
  on conflict (source, dataset) do update
  set complete_through = case when f.epoch = excluded.epoch
      then greatest(f.complete_through, excluded.complete_through)
      else excluded.complete_through end,
    told_at = excluded.told_at, received_at = pg_catalog.clock_timestamp(),
    refused = excluded.refused, epoch = excluded.epoch,
    schema_version = excluded.schema_version, key_id = excluded.key_id`

// What is not told here stands, but for the moment of another life, which means nothing.
const STORE_LAGS = /* sql */ `
  insert into ingest.freshness as f
    (source, epoch, told_at, schema_version, key_id, refused, dataset, behind, lag_told_at)
  select $1, $2, $3::timestamptz, $4, $5, 0, l.dataset,
    pg_catalog.make_interval(secs => l.seconds), pg_catalog.clock_timestamp()
  from pg_catalog.json_to_recordset($6::json) as l (dataset text, seconds float8)
  on conflict (source, dataset) do update
  set behind = excluded.behind, lag_told_at = excluded.lag_told_at, told_at = excluded.told_at,
    received_at = excluded.received_at, schema_version = excluded.schema_version,
    complete_through = case when f.epoch = excluded.epoch then f.complete_through end,
    epoch = excluded.epoch, key_id = excluded.key_id`

/**
 * Who may write some orgs alone cannot know that all of a dataset is there.
 * @throws {Refusal} `not_allowed` (403), or `unknown_dataset` (422).
 */
function assertMayTell(
  { schema_version, datasets, lags = [] }: FreshnessReport,
  key: IngestKey,
): void {
  if (schema_version !== SCHEMA_VERSION) throw new Refusal('unknown_dataset')
  if (key.orgs !== undefined)
    throw new Refusal('not_allowed', 'a key of some orgs may not speak of all rows')
  for (const told of [datasets, lags]) {
    const names = told.map(({ dataset }) => dataset)
    for (const name of names) {
      if (!isDatasetName(name)) throw new Refusal('unknown_dataset')
      assertMayWrite(name, key)
    }
    if (new Set(names).size < names.length)
      throw new Refusal('invalid_request', 'a dataset must not be named twice')
  }
}

async function answer(
  { comparePool }: Comparing,
  report: FreshnessReport,
  key: IngestKey,
): Promise<FreshnessAnswer> {
  assertMayTell(report, key)
  const { source, epoch, at, schema_version, datasets } = report
  return transact(comparePool, async (client) => {
    const { rows } = await client.query<{ counts: boolean }>(ENTER, [source, epoch])
    if (rows[0]?.counts !== true) return { stored: false }
    const who = [source, epoch, at, schema_version, key.id]
    if (datasets.length > 0) await client.query(STORE, [...who, JSON.stringify(datasets)])
    const { lags = [] } = report
    if (lags.length > 0) await client.query(STORE_LAGS, [...who, JSON.stringify(lags)])
    if (report.balance !== undefined) await storeBalance(client, source, report.balance)
    return { stored: true }
  })
}

/** `POST /v1/freshness`. */
export const freshnessReports: Comparison<FreshnessReport, FreshnessAnswer> = {
  schema: freshnessReportSchema,
  isQuiet: true,
  answer,
}
