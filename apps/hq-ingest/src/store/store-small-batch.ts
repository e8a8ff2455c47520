import {
  type BatchResult,
  type DatasetName,
  datasetByName,
  HEARTBEAT_DATASET,
} from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import { isRowFault } from '@hq-export/runtime/postgres/row-fault.ts'
import type pg from 'pg'
import { nothingApplied } from '../apply/applied.ts'
import { inKeyOrder } from '../apply/apply-rows.ts'
import type { AcceptedRow } from '../apply/batch-row.ts'
import {
  arraysFrom,
  columnArrays,
  parametersOf,
  qualified,
  storedRow,
} from '../apply/column-arrays.ts'
import { perDataset } from '../apply/per-dataset.ts'
import {
  upsertedColumns,
  upsertRule,
  type VersionedDataset,
  versioned,
} from '../apply/upsert-rows.ts'
import { type PreparedStatement, sendTogether } from '../db/send-together.ts'
import { onSession } from '../db/transact.ts'
import type { StoredProfile } from '../profile/row-counts.ts'
import { traceWrite } from '../tracing/trace-write.ts'
import { answerOf } from './answer.ts'
import { profileOfRows } from './batch-profile.ts'
import type { IncomingBatch } from './incoming-batch.ts'
import { CLAIM, LEDGER_COLUMNS, type LedgerEntry, ledgerValues } from './ledger.ts'
import { toStored } from './stored-answer.ts'

/*
 * The short way of a batch of few rows, most of which are news: one round trip, and statements that
 * are planned once per session. What the way of all batches would need to know between two of its
 * statements is a condition of the next one here:
 *
 * 1. claim the batch id, as `claimBatch` does;
 * 2. where it is claimed and the ledger does not know it, write the rows, and record the batch with
 *    the answer "all of them are written". The look has a snapshot of its own, after the claim, so
 *    it misses nothing that the previous holder has committed.
 *
 * It is done, or nothing has happened. Where the id is not ours, or known, or a version is no news,
 * not a row is written. Where others were faster with some since the look, there is no such answer,
 * and the ledger refuses a batch without one: everything is undone, as after a key that is known, a
 * value that PostgreSQL does not take, or a month that the ledger lacks. Then the batch goes the
 * way of all batches, from the start, as if nobody had tried.
 *
 * Locks: the id first, then rows in the order of their keys, as everybody.
 *
 * Before that, what holds until the end of the transaction: it does not wait for the disk, and its
 * statements are planned once (`force_generic_plan`). That is safe here alone: rows and ledger are
 * asked in an order that only their primary keys have, whatever PostgreSQL believes of them.
 */

/** Rows up to which it is shorter. */
const MAX_ROWS = 64
/** Bytes of a body up to which its rows are read one by one without a second thought. */
const MAX_BYTES = 256 * 1024

const CLAIMED = 'hq_ingest.claimed'

/** Has no parameters, so it is planned once under any setting. */
const BEGIN_SMALL: PreparedStatement = {
  name: 'begin small batch',
  text: `
  select pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),
    pg_catalog.set_config('synchronous_commit', 'off', true)`,
}

const CLAIM_SMALL: PreparedStatement = {
  name: 'claim small batch',
  text: `
  select pg_catalog.set_config('${CLAIMED}', l.claimed::text, true) from (${CLAIM}) as l`,
}

/** SQL: no row is stored in the version that comes, or in a later one. */
function allAreNewer(dataset: VersionedDataset): string {
  const { columns, primaryKey, versionColumn: version } = dataset
  const asked = [...primaryKey, version]
  const arrays = asked.map((name) => {
    const at = columns.findIndex((column) => column.name === name)
    return `$${at + 1}::${columns[at]?.type}[]`
  })
  return `not exists (
          select from unnest(${arrays.join(', ')}) as p (${asked.join(', ')})
          cross join ${storedRow(dataset, 'p')} as s where s.${version} >= p.${version})`
}

const storeStatement = perDataset((dataset): PreparedStatement => {
  const { name, primaryKey } = dataset
  const upserted = versioned(dataset)
  const columns = upsertedColumns(dataset)
  const free = parametersOf(dataset)
  const $ = (beside: number, type: string) => `$${free + beside}::${type}`
  const [source, batch] = [$(0, 'text'), $(1, 'text')]
  const text = `
    with written as (
      insert into hq.${name} as t (${columns.join(', ')})
      select ${qualified(columns.slice(0, -2), 'i')}, ${source}, ${batch}
      from ${arraysFrom(dataset, 'i')}
      where pg_catalog.current_setting('${CLAIMED}', true) = 'true'
        and not exists (select from ingest.batch as b where b.source = ${source}
          and b.batch >= ${batch} and b.batch <= ${batch} order by b.batch limit 1)
        ${upserted === undefined ? '' : `and ${allAreNewer(upserted)}`}
      order by ${qualified(primaryKey, 'i')}
      ${upserted === undefined ? '' : upsertRule(upserted)}
      returning ${upserted === undefined ? 'true' : 't.xmax = 0'} as inserted
    ), counted as (
      select pg_catalog.count(*) as written,
        pg_catalog.count(*) filter (where inserted) as inserted
      from written
    )
    insert into ingest.batch (${LEDGER_COLUMNS})
    select ${source}, ${batch}, ${$(2, 'bytea')}, ${$(3, 'text')}, ${$(4, 'text')},
      ${$(5, 'text')}, ${$(6, 'text')}, ${$(7, 'text')}, ${$(8, 'text')}, ${$(9, 'int4')},
      ${$(10, 'int4')}, ${$(11, 'uuid')},
      case when c.written = ${$(12, 'int4')} then
        pg_catalog.jsonb_set(pg_catalog.jsonb_set(${$(13, 'jsonb')},
          '{counts,inserted}', pg_catalog.to_jsonb(c.inserted)),
          '{counts,updated}', pg_catalog.to_jsonb(c.written - c.inserted)) end,
      ${$(14, 'jsonb')}
    from counted as c where c.written > 0
    returning answer -> 'counts' ->> 'inserted'`
  return { name: `store small ${name}`, text }
})

async function store(
  client: pg.PoolClient,
  entry: LedgerEntry,
  datasetName: DatasetName,
  rows: readonly AcceptedRow[],
  profile: StoredProfile | undefined,
  answerWith: (inserted: number) => BatchResult,
): Promise<BatchResult | undefined> {
  const dataset = datasetByName(datasetName)
  const statement = storeStatement(dataset)
  const values = [
    ...columnArrays(dataset, inKeyOrder(rows)),
    ...ledgerValues(entry),
    String(rows.length),
    JSON.stringify(toStored(answerWith(rows.length))),
    JSON.stringify(profile),
  ]
  const begin = { statement: BEGIN_SMALL, values: [] }
  const claim = { statement: CLAIM_SMALL, values: [entry.source, entry.batch] }
  const [, , stored] = await traceWrite(
    'INSERT',
    `hq.${dataset.name}`,
    statement.text,
    rows.length,
    () => sendTogether(client, [begin, claim, { statement, values }]),
  )
  return stored === undefined ? undefined : answerWith(Number(stored[0]))
}

/**
 * Stores a batch of few good rows in one round trip, if all of them are news.
 * @param id as the caller knows the batch.
 * @returns its answer, after COMMIT; undefined where something is not as usual, and then nothing
 * has happened.
 * @throws {Refusal} `at_capacity` when no session becomes free in time.
 * @throws {DatabaseUnavailableError} when HQ cannot be written.
 */
export async function storeSmallBatch(
  pool: pg.Pool,
  entry: LedgerEntry,
  batch: IncomingBatch,
  id: string,
): Promise<BatchResult | undefined> {
  const { rowCount, head } = batch
  if (rowCount > MAX_ROWS || entry.decodedBytes > MAX_BYTES) return undefined
  if (head.dataset === HEARTBEAT_DATASET) return undefined
  const { accepted, refused } = (await batch.read()).rows
  if (refused.length > 0) return undefined
  const answerWith = (inserted: number) =>
    answerOf(id, rowCount, { ...nothingApplied(), inserted, updated: rowCount - inserted }, [])
  const deletes = accepted.filter(({ deleted }) => deleted).length
  const all = answerWith(rowCount)
  const profile = profileOfRows(batch, accepted, refused, all, deletes, Date.now())
  return inStep('store at once', () =>
    onSession(pool, async ({ client }) => {
      try {
        return await store(
          client,
          entry,
          head.dataset as DatasetName,
          accepted,
          profile,
          answerWith,
        )
      } catch (error) {
        if (!isRowFault(error)) throw error
        return undefined
      }
    }),
  )
}
