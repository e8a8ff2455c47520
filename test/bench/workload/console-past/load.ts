import type pg from 'pg'

/** A load, not what is measured: what it lacks until it ends is made durable at its end. */
const SETTINGS = `
set time zone 'UTC';
set synchronous_commit = off;
set maintenance_work_mem = '1GB';
set work_mem = '256MB'`

/** Rows of one statement; between two of them it can be stopped. */
const CHUNK = 500_000

/** Runs `work` in one transaction on a session that is made for loads. */
export async function load(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query(SETTINGS)
  await client.query('begin')
  await work()
  await client.query('commit')
}

/** Runs `sql`, of which `$1` is the number of all rows, for rows `$2` to `$3`, part by part. */
export async function inChunks(
  client: pg.Client,
  sql: string,
  [all, first, last]: readonly [all: number, first: number, last: number],
  signal: AbortSignal,
  more: readonly unknown[] = [],
): Promise<void> {
  for (let from = first; from <= last; from += CHUNK) {
    signal.throwIfAborted()
    await client.query(sql, [all, from, Math.min(last, from + CHUNK - 1), ...more])
  }
}

const INDEXES = `
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i
where i.indrelid = $1::regclass
  and not exists (select from pg_constraint c where c.conindid = i.indexrelid)`

/**
 * Loads a table while its indexes are away, and builds them afterwards, as they were; the primary
 * key, whose rows come in its order, stays.
 */
export async function loadTable(
  client: pg.Client,
  table: string,
  fill: () => Promise<void>,
): Promise<void> {
  await load(client, async () => {
    const { rows } = await client.query<{ name: string; definition: string }>(INDEXES, [table])
    // Truncated in this transaction: what fills it needs no entry in the log of the server.
    await client.query(`truncate ${table}`)
    for (const { name } of rows) await client.query(`drop index ${name}`)
    await fill()
    for (const { definition } of rows) await client.query(definition)
  })
}
