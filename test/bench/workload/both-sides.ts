import { type Column, datasetByName, SCHEMA_VERSION } from '@hq-export/contract'
import type pg from 'pg'
import { SOURCE } from '../programs/pipeline.ts'
import { type BenchServers, settleServers } from '../programs/servers.ts'
import type { BenchOptions } from '../scenario.ts'
import { EVENTS_DATASET, emptyEvents } from './drain-events.ts'
import { EVENT_COLUMNS, EVENTS, insertEvents } from './operation-events.ts'
import { writeInCommits } from './write-in-commits.ts'

/**
 * Writes the same events into both databases at once, as if they had been delivered long ago:
 * nothing captures them, no foreign key is looked up, and HQ's ledger has forgotten their batch.
 */
export async function fillBothSides(servers: BenchServers, options: BenchOptions): Promise<void> {
  const { dx, hq } = servers
  const { rows } = options
  await emptyEvents(servers)
  await dx.client.query("set session_replication_role = replica; set hq_export.disabled = 'on'")
  const statement = `insert into hq.${EVENTS_DATASET}
  (${EVENT_COLUMNS}, export_schema_version, _dx_xid, _dx_source, _dx_batch)
select e.*, '${SCHEMA_VERSION}', '1', '${SOURCE}', 'bench' from (${EVENTS}) e`
  await Promise.all([
    insertEvents(dx.client, rows, options),
    writeInCommits(hq.client, statement, rows, options),
  ])
  await dx.client.query('reset session_replication_role; reset hq_export.disabled')
  await dx.client.query('truncate hq_export.capture_gap')
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

/** A tool that compares tables by the md5 of their rows. */
export type Md5Tool = 'data-diff' | 'reladiff'

const MD5_HEX_DIGITS = 32
/** Digits of the hash that a tool sums: of more, the sum of many would not be exact. */
const KEPT_HEX_DIGITS: Readonly<Record<Md5Tool, number>> = { 'data-diff': 12, reladiff: 15 }
const TIME_FORMAT = `'YYYY-mm-dd HH24:MI:SS.US'`
const TIME_LENGTH = 26

/** Before the rounding of a time to its precision nothing may be out of range. */
function dataDiffTime(column: string): string {
  const last = '294276-12-31 23:59:59.0000'
  const bounded =
    `greatest('4713-01-01 00:00:00.00 BC'::timestamp(6), ` +
    `least('${last}'::timestamp(6), ${column}::timestamp(6)))`
  const rounded = `to_char(least('${last}'::timestamp, ${bounded}) + interval '0.0000005', ${TIME_FORMAT})`
  const cut = `left(${rounded}, length(${rounded}) - (6-6))`
  return (
    `case when ${column} is null then null ` +
    `else rpad(left(${cut}, ${TIME_LENGTH}), ${TIME_LENGTH}, '0') end`
  )
}

function md5Text(tool: Md5Tool, { name, type }: Column): string {
  switch (type) {
    case 'timestamptz':
      return tool === 'data-diff'
        ? dataDiffTime(name)
        : `to_char(${name}::timestamp(6), ${TIME_FORMAT})`
    case 'jsonb':
      return `${name}::text`
    default:
      return `${name}::varchar`
  }
}

/**
 * SQL of the checksum that a tool takes of a table of events, expression by expression as data-diff
 * 0.11.1 and reladiff with sqeleton 0.1.7 write it for PostgreSQL: count and sum of a part of the
 * md5 of the text of each row. They take it of 32 ranges of the key; this is one scan, which costs
 * less.
 */
export function md5Checksum(tool: Md5Tool, table: string): string {
  const values = datasetByName(EVENTS_DATASET).columns.map(
    (column) => `coalesce(${md5Text(tool, column)}, '<null>')`,
  )
  const digits = KEPT_HEX_DIGITS[tool]
  const kept = `substring(md5(${values.join(` || '|' || `)}), ${MD5_HEX_DIGITS - digits + 1})`
  const number = `('x' || ${kept})::bit(${digits * 4})::bigint`
  const middle = tool === 'data-diff' ? ` - ${Math.floor((2 ** (digits * 4) - 1) / 2)}` : ''
  return `select count(*), sum(${number}${middle}) from ${table}`
}
