import type pg from 'pg'

/*
 * What carries the capture, as `bind` left it behind, against what is there now
 * (hq_export.source_state): a trigger that was disabled and enabled again, a partition that came or
 * went, another table under the name. Whatever differs may have cost changes, and nothing tells
 * which.
 */

const RECORD = /* sql */ `
insert into hq_export.known_source (dataset, object, state, server)
select s.dataset, s.object, s.state, c.system_identifier::text
from hq_export.source_state s cross join pg_catalog.pg_control_system() c
on conflict (dataset, object) do update set state = excluded.state, server = excluded.server`

// Ids and transactions of another server mean nothing here; and what was bound by a build that
// recorded nothing begins now.
const IS_UNKNOWN = /* sql */ `
select exists (
  select from hq_export.binding b
  where not pg_catalog.jsonb_exists(b.definition, 'derivedFrom') and not exists (
    select from hq_export.known_source k cross join pg_catalog.pg_control_system() c
    where k.dataset = b.number and k.server = c.system_identifier::text)
) as found`

// One open gap per difference, however often it is looked at.
const NOTE_GAPS = /* sql */ `
insert into hq_export.capture_gap (dataset, operation)
select d.dataset, d.operation from hq_export.source_difference d
where not exists (
  select from hq_export.capture_gap g
  where g.dataset = d.dataset and g.operation = d.operation and g.closed_at is null)`

const DIFFERENCES = /* sql */ `
select coalesce(b.dataset, 'dataset ' || d.dataset::text) as dataset, d.operation
from hq_export.source_difference d left join hq_export.binding b on b.number = d.dataset
order by 1, 2`

/** Something that has happened to the source since `bind`, such as `trigger changed`. */
export interface SourceDifference {
  readonly dataset: string
  readonly operation: string
}

/** Reads what differs; none where nothing was recorded yet. */
export async function readDifferences(client: pg.ClientBase): Promise<SourceDifference[]> {
  if (await isUnknown(client)) return []
  return (await client.query<SourceDifference>(DIFFERENCES)).rows
}

async function isUnknown(client: pg.ClientBase): Promise<boolean> {
  return (await client.query<{ found: boolean }>(IS_UNKNOWN)).rows[0]?.found ?? false
}

/** Records what is there now as what is to be. */
export async function recordSource(client: pg.ClientBase): Promise<void> {
  await client.query('delete from hq_export.known_source')
  await client.query(RECORD)
}

/**
 * Records a gap for each difference that has none that is open; nothing is known of a source that
 * was not recorded yet, so it is recorded.
 */
export async function noticeDifferences(client: pg.ClientBase): Promise<void> {
  if (await isUnknown(client)) await recordSource(client)
  else await client.query(NOTE_GAPS)
}
