import { datasetByName, SCHEMA_VERSION } from '@hq-export/contract'
import type pg from 'pg'
import { SOURCE } from '../programs/pipeline.ts'
import { type BenchServers, settleServers } from '../programs/servers.ts'
import type { BenchOptions } from '../scenario.ts'
import { EVENTS_DATASET, emptyEvents } from './drain-events.ts'
import { EVENT_COLUMNS, EVENTS, insertEvents } from './operation-events.ts'
import { writeInCommits } from './write-in-commits.ts'

/**
 * Writes the same events into both databases, as if they had been delivered long ago: nothing
 * captures them, and HQ's ledger has forgotten their batch.
 */
export async function fillBothSides(servers: BenchServers, options: BenchOptions): Promise<void> {
  const { dx, hq } = servers
  const { rows } = options
  await emptyEvents(servers)
  await dx.client.query("set hq_export.disabled = 'on'")
  await insertEvents(dx.client, rows, options)
  await dx.client.query('reset hq_export.disabled; truncate hq_export.capture_gap')
  const statement = `insert into hq.${EVENTS_DATASET}
  (${EVENT_COLUMNS}, export_schema_version, _dx_xid, _dx_source, _dx_batch)
select e.*, '${SCHEMA_VERSION}', '1', '${SOURCE}', 'bench' from (${EVENTS}) e`
  await writeInCommits(hq.client, statement, rows, options)
  await Promise.all([dx, hq].map(({ client }) => client.query('vacuum analyze')))
  await settleServers(servers)
}

/** Writes `count` events more, in one statement that is captured. */
export async function insertMoreEvents(
  client: pg.ClientBase,
  first: number,
  count: number,
): Promise<void> {
  await client.query(`insert into ops.operation_events (${EVENT_COLUMNS}) ${EVENTS}`, [
    first,
    first + count - 1,
  ])
}

/** SQL of the keys of `count` events from `first` on. */
export function eventKeys(first: number, count: number): string {
  return `select pg_catalog.md5('event ' || i)::uuid::text as key
from pg_catalog.generate_series(${first}, ${first + count - 1}) i`
}

const MD5_HEX_DIGITS = 32
/** More of them, and a sum of many would not be exact. */
const KEPT_HEX_DIGITS = 15

/**
 * SQL of the checksum that data-diff takes of a table: count and sum of a part of the md5 of the
 * text of each row, its values brought to one form first.
 */
export function md5Checksum(table: string): string {
  const values = datasetByName(EVENTS_DATASET).columns.map(({ name, type }) => {
    const text =
      type === 'timestamptz' ? `to_char(${name}, 'YYYY-MM-DD HH24:MI:SS.US')` : `${name}::text`
    return `coalesce(${text}, '<null>')`
  })
  const kept = `substring(md5(${values.join(` || '|' || `)}), ${MD5_HEX_DIGITS - KEPT_HEX_DIGITS + 1})`
  return `select count(*), sum(('x' || ${kept})::bit(${KEPT_HEX_DIGITS * 4})::bigint) from ${table}`
}
