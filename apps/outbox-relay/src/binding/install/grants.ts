import pg from 'pg'
import { OUTBOX_NAMES } from '../../outbox/outbox-tables.ts'
import type { SourceTable } from '../source-table.ts'

const { escapeIdentifier } = pg

/** Grants around an installation. */
export interface Grants {
  /** What the owners of the bound tables need, because captures run as them. */
  readonly before: readonly string[]
  /** Takes back what was needed only to hand objects over. */
  readonly after: readonly string[]
}

function captureGrants(owner: string): string[] {
  const role = escapeIdentifier(owner)
  return [
    `grant usage on schema hq_export to ${role}`,
    `grant insert on ${OUTBOX_NAMES} to ${role}`,
    `grant select, insert on hq_export.capture_gap to ${role}`,
    `grant select, insert, update on hq_export.version_base to ${role}`,
    `grant select, insert, update on hq_export.removal to ${role}`,
    `grant select, insert on hq_export.truncation to ${role}`,
    `grant insert on hq_export.settle_0, hq_export.settle_1 to ${role}`,
    `grant select, insert on hq_export.late_child, hq_export.assigned_sequence,
      hq_export.captured_from to ${role}`,
    `grant select on hq_export.settle, hq_export.settled, hq_export.binding to ${role}`,
    `grant usage on sequence hq_export.outbox_seq, hq_export.settle_number,
      hq_export.apart_sequence, hq_export.filtered_1, hq_export.filtered_2, hq_export.filtered_3,
      hq_export.filtered_4, hq_export.unrung, hq_export.lost to ${role}`,
    `grant select on sequence hq_export.current_outbox, hq_export.doorbell,
      hq_export.current_settle, hq_export.settle_horizon to ${role}`,
    `grant execute on function hq_export.ring(), hq_export.is_relay_asleep(),
      hq_export.has_traceparent(), hq_export.current_traceparent(), hq_export.written_here(xid),
      hq_export.exported_version(bigint, bigint), hq_export.snapshot_id(uuid, text, uuid, bigint),
      hq_export.allowed_payload(jsonb, text[]), hq_export.first_text(text[], jsonb[]),
      hq_export.entity_id(text, uuid, jsonb[]), hq_export.utc_text(timestamptz),
      hq_export.odd_utc_text(timestamptz), hq_export.raw_row(record), hq_export.has_just_begun(),
      hq_export.revived(smallint, text) to ${role}`,
  ]
}

/**
 * Grants for the owners of the bound tables. The new owner of a view or function must be allowed to
 * create in its schema, unless a superuser hands it over; a role that could do so before keeps it.
 */
export async function grantsFor(
  client: pg.ClientBase,
  sources: ReadonlyMap<string, SourceTable>,
): Promise<Grants> {
  const owners = [...new Set([...sources.values()].map(({ owner }) => owner))].sort()
  const { rows } = await client.query<{ owner: string }>(
    `select o as owner from unnest($1::text[]) o
     where not pg_catalog.has_schema_privilege(o::name, 'hq_export', 'create')`,
    [owners],
  )
  const temporary = rows.map(({ owner }) => escapeIdentifier(owner))
  return {
    before: [
      ...owners.flatMap(captureGrants),
      ...temporary.map((role) => `grant create on schema hq_export to ${role}`),
    ],
    after: temporary.map((role) => `revoke create on schema hq_export from ${role}`),
  }
}
