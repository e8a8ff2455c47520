import { createHash } from 'node:crypto'
import type pg from 'pg'
import { type DeadLetter, NOT_IN_TIME } from './dead-letter.ts'

/** After a second, two, four and so on, and five minutes at last. */
const retryAt = (failures: string): string =>
  `pg_catalog.clock_timestamp() + pg_catalog.make_interval(
    secs => least(300, pg_catalog.power(2, least(${failures}, 9))))`

// What was captured after an operator settled the letter opens it again: a replay that was refused,
// too. What was captured before is only the same row once more, as it comes in a new life of the
// server, and the operator's word stands. Either the transaction or the time may say that it came
// after: the clock may have been set back since, and ids mean nothing to another server.
const IS_LATER = /* sql */ `
(excluded.captured_at >= d.resolved_at
  or (excluded.xid >= d.resolved_xid
      and d.resolved_system = (pg_catalog.pg_control_system()).system_identifier))`

// One row of the source refused twice, by whichever batch, is one dead letter with two attempts.
// Sorted, so that two relays that settle overlapping windows take the row locks in the same order.
// Committed before the ack of its window.
const INSERT = /* sql */ `
insert into hq_export.dead_letter as d
  (dataset, key, reason, detail, pointer, batch, traceparent, body, deleted, xid, captured_at,
   fingerprint, retry_at)
select distinct on (n.dataset, n.fingerprint)
       n.dataset, n.key, n.reason, n.detail, n.pointer, n.batch, n.traceparent, n.body, n.deleted,
       n.xid::xid8, n.captured_at, pg_catalog.decode(n.fingerprint, 'hex'),
       case when n.reason = '${NOT_IN_TIME}' then ${retryAt('0')} end
from pg_catalog.json_to_recordset($1::json) as n
  (dataset text, key text, reason text, detail text, pointer text, batch text, traceparent text,
   body text, deleted boolean, xid text, captured_at timestamptz, fingerprint text)
order by n.dataset, n.fingerprint
on conflict (dataset, fingerprint) do update
set attempts = d.attempts + 1, last_failed_at = pg_catalog.clock_timestamp(),
    retry_at = case when excluded.reason = '${NOT_IN_TIME}' then ${retryAt('d.attempts')} end,
    reason = excluded.reason, detail = excluded.detail, pointer = excluded.pointer,
    batch = excluded.batch,
    deleted = d.deleted or excluded.deleted,
    resolved_at = case when ${IS_LATER} then null else d.resolved_at end,
    resolution = case when ${IS_LATER} then null else d.resolution end
returning d.id::text as id, d.resolved_at is null as "isOpen"`

/** What became of a row that was refused. */
export interface KeptLetter {
  readonly id: string
  /** False where it was settled before, and this is only the same capture once more. */
  readonly isOpen: boolean
}

function fingerprintOf(letter: DeadLetter): string {
  const { key, body, xid, seq } = letter.row
  const hash = createHash('sha256').update(`${key ?? ''}\n`)
  // A gap without key and body is told apart from other gaps by its place in the outbox; a row that
  // never was there has its key.
  return hash.update(body ?? (seq === null ? '' : `${xid}/${seq}`)).digest('hex')
}

const MAX_REASON_UNITS = 2_000
/** The index by causes takes no more; HQ's own are shorter. */
const MAX_POINTER_UNITS = 200

/** What HQ, or whoever answers for it, says of a row, as PostgreSQL can store it. */
function storable(text: string): string {
  return text.slice(0, MAX_REASON_UNITS).replace(/\p{Cc}|\p{Cs}/gu, '\ufffd')
}

/**
 * Keeps rows that were refused for good, each row once. Safe to repeat: a resend of the window
 * counts an attempt.
 */
export async function insertDeadLetters(
  client: pg.ClientBase,
  letters: readonly DeadLetter[],
): Promise<KeptLetter[]> {
  const records = letters.map((letter) => ({
    dataset: letter.dataset,
    key: letter.row.key,
    reason: storable(letter.reason),
    detail: letter.detail === null ? null : storable(letter.detail),
    pointer: storable(letter.pointer ?? '').slice(0, MAX_POINTER_UNITS),
    batch: letter.batch,
    traceparent: letter.row.traceparent,
    body: letter.row.body,
    deleted: letter.row.deleted,
    xid: letter.row.xid,
    captured_at: letter.row.capturedAt,
    fingerprint: fingerprintOf(letter),
  }))
  // The bodies travel as strings inside a JSON document: their text, and every digit in it, stays
  // as it is.
  return (await client.query<KeptLetter>(INSERT, [JSON.stringify(records)])).rows
}
