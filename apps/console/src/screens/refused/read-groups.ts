import { CAUSE_POINTER } from '@hq-export/hq-ingest/quarantine/selection.ts'
import type pg from 'pg'
import { COUNT_LIMIT } from '../../page/text.ts'
import type { Cause } from './cause.ts'

/** Causes that a page shows; a source that invents names of columns has as many as it likes. */
export const MAX_GROUPS = 100
/** Rows that were seen longest ago: the first sight is told of them where not all are looked at. */
const OLDEST = 100

/** What one side has of a cause. */
export interface SideGroup extends Cause {
  /** At most one more than is counted. */
  readonly rows: number
  readonly firstSeen: string
  readonly lastSeen: string
  /** Orgs among the rows that were counted; null where the side does not know them. */
  readonly orgs: number | null
}

/** Which causes. */
export interface GroupFilter {
  readonly dataset: string | undefined
  readonly code: string | undefined
}

interface Table {
  readonly from: string
  readonly code: string
  readonly pointer: string
  readonly first: string
  readonly last: string
  readonly org: string
}

const ENTRIES: Table = {
  from: 'ingest.quarantine as q',
  code: 'q.code',
  pointer: CAUSE_POINTER,
  first: 'q.first_seen_at',
  last: 'q.last_seen_at',
  org: 'q.org_id',
}
const LETTERS: Table = {
  from: 'hq_export.dead_letter as q',
  code: 'q.reason',
  pointer: 'q.pointer',
  first: 'q.first_failed_at',
  last: 'q.last_failed_at',
  org: 'null::uuid',
}

/*
 * A loose index scan: from each cause one step in the index to the next, however many rows lie
 * between. Of each the newest rows are counted, up to the limit; so a million rows of one cause
 * cost a thousand.
 */
function groupsSql({ from, code, pointer, first, last, org }: Table): string {
  const open = `q.resolved_at is null and ($1::text is null or q.dataset = $1)
      and ($2::text is null or ${code} = $2)`
  const columns = `q.dataset, ${code} as code, ${pointer} as pointer`
  const order = `order by q.dataset, ${code}, ${pointer} limit 1`
  const ofCause = `q.resolved_at is null and q.dataset = c.dataset and ${code} = c.code
        and ${pointer} = c.pointer`
  return `
  with recursive cause as (
    (select ${columns} from ${from} where ${open} ${order})
    union all
    select n.dataset, n.code, n.pointer from cause as c cross join lateral (
      select ${columns} from ${from}
      where ${open} and (q.dataset, ${code}, ${pointer}) > (c.dataset, c.code, c.pointer) ${order}
    ) as n
  )
  select c.dataset, c.code, c.pointer, s.rows, s.orgs,
    pg_catalog.to_json(least(s.first_seen, o.first_seen)) #>> '{}' as "firstSeen",
    pg_catalog.to_json(s.last_seen) #>> '{}' as "lastSeen"
  from (select * from cause limit ${MAX_GROUPS + 1}) as c
  cross join lateral (
    select pg_catalog.count(*)::int4 as rows, pg_catalog.count(distinct r.org)::int4 as orgs,
      pg_catalog.min(r.first_seen) as first_seen, pg_catalog.max(r.last_seen) as last_seen
    from (
      select ${org} as org, ${first} as first_seen, ${last} as last_seen
      from ${from} where ${ofCause} order by ${last} desc limit ${COUNT_LIMIT + 1}) as r
  ) as s
  cross join lateral (
    select pg_catalog.min(r.first_seen) as first_seen from (
      select ${first} as first_seen from ${from} where ${ofCause} order by ${last} limit ${OLDEST}
    ) as r
  ) as o`
}

const ENTRY_GROUPS = groupsSql(ENTRIES)
const LETTER_GROUPS = groupsSql(LETTERS)

async function readGroups(
  client: pg.ClientBase,
  statement: string,
  { dataset, code }: GroupFilter,
): Promise<SideGroup[]> {
  // A code alone is no beginning of the index: the causes of other codes are left out here.
  const values = [dataset ?? null, dataset === undefined ? null : (code ?? null)]
  const { rows } = await client.query<SideGroup>(statement, values)
  return code === undefined ? rows : rows.filter((row) => row.code === code)
}

/** What HQ refuses and nobody has dealt with, by cause. */
export async function readEntryGroups(
  client: pg.ClientBase,
  filter: GroupFilter,
): Promise<SideGroup[]> {
  return readGroups(client, ENTRY_GROUPS, filter)
}

/** What the source keeps because it goes no further, by cause. */
export async function readLetterGroups(
  client: pg.ClientBase,
  filter: GroupFilter,
): Promise<SideGroup[]> {
  const rows = await readGroups(client, LETTER_GROUPS, filter)
  return rows.map((row) => ({ ...row, orgs: null }))
}

/** The last thing that was done to a whole cause, and what has come since. */
export interface LastAction {
  readonly id: string
  readonly kind: string
  readonly actor: string
  readonly finishedAt: string
  /** Rows of the cause that were refused since, at most one more than is counted. */
  readonly since: number
}

function sinceSql(schema: string, { from, code, pointer, last }: Table): string {
  return `
  select g.place::int4 as place, a.id::text as id, a.kind, a.actor,
    pg_catalog.to_json(a.finished_at) #>> '{}' as "finishedAt", s.since
  from pg_catalog.json_to_recordset($1::json) as g (place int4, dataset text, code text,
    pointer text)
  cross join lateral (
    select a.* from (
      select a.* from ${schema}.action as a where a.state = 'done'
      order by a.requested_at desc limit 500) as a
    where a.selection ->> 'dataset' = g.dataset and a.selection ->> 'reason' = g.code
      and a.selection ->> 'pointer' = g.pointer
    limit 1) as a
  cross join lateral (
    select pg_catalog.count(*)::int4 as since from (
      select from ${from}
      where q.resolved_at is null and q.dataset = g.dataset and ${code} = g.code
        and ${pointer} = g.pointer and ${last} > a.finished_at
      limit ${COUNT_LIMIT + 1}) as r) as s`
}

const SINCE_IN_HQ = sinceSql('ingest', ENTRIES)
const SINCE_AT_SOURCE = sinceSql('hq_export', LETTERS)

/** What was done last to each of these causes as a whole, in their order. */
export async function readLastActions(
  client: pg.ClientBase,
  side: 'hq' | 'dx',
  causes: readonly Cause[],
): Promise<ReadonlyMap<number, LastAction>> {
  const places = causes.map(({ dataset, code, pointer }, place) => {
    return { place, dataset, code, pointer }
  })
  const { rows } = await client.query<LastAction & { place: number }>(
    side === 'hq' ? SINCE_IN_HQ : SINCE_AT_SOURCE,
    [JSON.stringify(places)],
  )
  return new Map(rows.map(({ place, ...action }) => [place, action]))
}
