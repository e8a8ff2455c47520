import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { assertCount } from '../measure/assert-count.ts'
import { timedRate } from '../measure/timed-rate.ts'
import { type BenchServers, settleServers } from '../programs/servers.ts'
import { WrongResultError } from '../scenario.ts'
import { fillPlainCompanies, upsertPlainCompanies } from '../workload/company-entities.ts'
import { EVENTS_DATASET } from '../workload/drain-events.ts'
import { ROWS_PER_BATCH } from '../workload/wire-batches.ts'
import { NativeReplication } from './native-replication.ts'

/** The dataset of the upserts. */
export const COMPANIES_DATASET = 'dx_company_entities_v1'

/** The contract's columns of {@link EVENTS_DATASET}, as a list of SQL. */
export const EVENT_COLUMNS = datasetByName(EVENTS_DATASET)
  .columns.map(({ name }) => name)
  .join(', ')

/**
 * The captured events as texts for COPY, one for each batch.
 * @param columns what a line has: SQL over the export view.
 */
export async function readCopyTexts(dx: pg.Client, columns = EVENT_COLUMNS): Promise<string[]> {
  const view = `select ${columns} from hq_export.${EVENTS_DATASET}`
  const lines = (await text(dx.query(copyTo(`copy (${view}) to stdout`)))).split(/(?<=\n)/)
  return Array.from({ length: Math.ceil(lines.length / ROWS_PER_BATCH) }, (_, batch) =>
    lines.slice(batch * ROWS_PER_BATCH, (batch + 1) * ROWS_PER_BATCH).join(''),
  )
}

/**
 * COPY of the texts, a transaction each, into a table with the dataset's indexes; returns rows per
 * second.
 */
export async function copyEvents(
  servers: BenchServers,
  texts: readonly string[],
  rows: number,
  signal: AbortSignal,
): Promise<number> {
  const { client } = servers.hq
  await using native = new NativeReplication(servers, EVENTS_DATASET)
  await native.prepare()
  await settleServers(servers)
  const statement = `copy ${native.table} (${EVENT_COLUMNS}) from stdin`
  const rate = await timedRate(rows, async () => {
    for (const rowsText of texts) {
      signal.throwIfAborted()
      await pipeline(Readable.from([rowsText]), client.query(copyFrom(statement)))
    }
  })
  await assertCount(client, native.table, rows)
  return rate
}

const COMPANY_COLUMNS = datasetByName(COMPANIES_DATASET).columns.map(({ name }) => name)

/** The companies as they are now, as JSON texts, one for each batch. */
export async function readJsonTexts(dx: pg.Client): Promise<string[]> {
  const { rows } = await dx.query<{ text: string }>(
    `select pg_catalog.json_agg(pg_catalog.row_to_json(c))::text as text
     from (select ${COMPANY_COLUMNS.join(', ')},
             pg_catalog.row_number() over (order by org_id, entity_id) - 1 as n
           from hq_export.${COMPANIES_DATASET}) c
     group by n / ${ROWS_PER_BATCH}`,
  )
  return rows.map((row) => row.text)
}

/**
 * Upserts the texts, a transaction each, into a table with the dataset's indexes that has an older
 * version of every row: what a client of HQ without a gateway would send; returns rows per second.
 */
export async function upsertTexts(
  servers: BenchServers,
  texts: readonly string[],
  rows: number,
  signal: AbortSignal,
): Promise<number> {
  await using native = new NativeReplication(servers, COMPANIES_DATASET)
  const { table } = native
  await native.prepare((client) => fillPlainCompanies(client, table, rows))
  await settleServers(servers)
  const columns = COMPANY_COLUMNS.join(', ')
  const assigned = COMPANY_COLUMNS.filter((name) => name !== 'org_id' && name !== 'entity_id')
    .map((name) => `${name} = excluded.${name}`)
    .join(', ')
  const statement = `insert into ${table} as t (${columns})
select ${columns} from pg_catalog.json_populate_recordset(null::${table}, $1::json)
on conflict (org_id, entity_id) do update set ${assigned}
where t.record_version < excluded.record_version`
  let written = 0
  const rate = await timedRate(rows, async () => {
    for (const text of texts) {
      signal.throwIfAborted()
      const { rowCount } = await servers.hq.client.query({
        name: 'upsert-texts',
        text: statement,
        values: [text],
      })
      written += rowCount ?? 0
    }
  })
  if (written !== rows) throw new WrongResultError(`${written} of ${rows} rows were upserted`)
  return rate
}

/**
 * Upserts a new version of every company, computed in the statement, into a table with the
 * dataset's indexes; returns rows per second.
 */
export async function upsertCompanies(
  servers: BenchServers,
  rows: number,
  signal: AbortSignal,
): Promise<number> {
  await using native = new NativeReplication(servers, COMPANIES_DATASET)
  const { table } = native
  await native.prepare((client) => fillPlainCompanies(client, table, rows))
  await settleServers(servers)
  return await timedRate(rows, () =>
    upsertPlainCompanies(servers.hq.client, table, rows, ROWS_PER_BATCH, 2, signal),
  )
}
