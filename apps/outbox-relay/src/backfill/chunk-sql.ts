import pg from 'pg'
import { wireBodySql } from '../binding/wire-body.ts'
import type { PassOutput, PassRelation } from './pass-relation.ts'
import type { RowSelection } from './selection.ts'

const { escapeIdentifier } = pg

/** Rows in one value of the answer, as in a page of the outbox (read-page.ts). */
const PIECE_ROWS = 64

/** A statement and its parameters. */
export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

class Parameters {
  readonly values: unknown[] = []

  add(value: unknown, type: string): string {
    this.values.push(value)
    return `$${this.values.length}::${type}`
  }
}

function keyList({ key }: PassRelation, alias: string): string {
  return key.map(({ name }) => `${alias}.${escapeIdentifier(name)}`).join(', ')
}

function all(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'true' : conditions.join(' and ')
}

/** True where the org is the first column of the key, so that its rows are a range of the index. */
function isOrgLeading({ key, orgSql }: PassRelation): boolean {
  return `v.${escapeIdentifier(key[0]?.name ?? '')}` === orgSql
}

/** Conditions that narrow the range of the index. */
function rangeSql(
  relation: PassRelation,
  { orgId }: RowSelection,
  after: readonly string[] | null,
  parameters: Parameters,
): string {
  const conditions: string[] = []
  if (orgId !== null && isOrgLeading(relation)) {
    conditions.push(`${relation.orgSql} = ${parameters.add(orgId, 'uuid')}`)
  }
  if (after !== null) {
    const values = relation.key.map(({ type }, index) => parameters.add(after[index], type))
    conditions.push(`(${keyList(relation, 'v')}) > (${values.join(', ')})`)
  }
  return all(conditions)
}

/** Conditions that no index of the source has to support: they are asked of rows that were reached by their key. */
function wantedSql(
  relation: PassRelation,
  { since, until, orgId }: RowSelection,
  parameters: Parameters,
): string {
  const { timeSql, orgSql } = relation
  const conditions: string[] = []
  if (since !== null) conditions.push(`${timeSql} >= ${parameters.add(since, 'timestamptz')}`)
  if (until !== null) conditions.push(`${timeSql} < ${parameters.add(until, 'timestamptz')}`)
  if (orgId !== null && !isOrgLeading(relation)) {
    conditions.push(`${orgSql} = ${parameters.add(orgId, 'uuid')}`)
  }
  return all(conditions)
}

function tailSql({ deleted }: PassOutput): string {
  return deleted ? `',"deleted":true}'` : `'}'`
}

/**
 * Reads the next rows of a pass in the order of its key, as wire rows: at most `maxScan` rows are looked at, however few of them are wanted, and
 * bodies end with the one that reaches `maxBytes`. So a statement costs the same on every table, with an index on the time column or without.
 *
 * Takes no lock beyond a reader's. `xid` is this statement's own transaction: its id lies above that of every transaction whose
 * changes it shows, so whoever compares under an older snapshot knows the rows for newer (research/reconciliation.md B.5).
 */
export function chunkStatement(
  relation: PassRelation,
  selection: RowSelection,
  after: readonly string[] | null,
  limits: { readonly maxScan: number; readonly maxBytes: number },
): Statement {
  const parameters = new Parameters()
  const { outputs } = relation
  const bodies = outputs.map(
    ({ columns }, index) =>
      `case when v._wanted then ${wireBodySql(columns)} end as _body_${index}`,
  )
  const bytes = outputs.map((_, index) => `coalesce(pg_catalog.octet_length(v._body_${index}), 0)`)
  const values = outputs.map(
    (output, index) => `(${output.dataset.number}, t._body_${index}, ${tailSql(output)})`,
  )
  const key = (alias: string) => keyList(relation, alias)
  const text = /* sql */ `
with mark as materialized (
  select ',"xid":"' || pg_catalog.pg_current_xact_id()::text
         || '","captured_at":' || pg_catalog.to_json(pg_catalog.clock_timestamp())::text as tail
), sized as materialized (
  select ${key('v')}, v._wanted, ${outputs.map((_, index) => `v._body_${index}`).join(', ')},
         pg_catalog.row_number() over w as _place,
         pg_catalog.sum(${bytes.join(' + ')}) over w - (${bytes.join(' + ')}) as _bytes_before
  from (
    select v.*, ${bodies.join(', ')}
    from (
      select v.*, (${wantedSql(relation, selection, parameters)}) as _wanted
      from ${relation.sql} v
      where ${rangeSql(relation, selection, after, parameters)}
      order by ${key('v')}
      limit ${parameters.add(limits.maxScan, 'int')}
    ) v
    order by ${key('v')}
    offset 0
  ) v
  window w as (order by ${key('v')} rows unbounded preceding)
), taken as materialized (
  select * from sized where _bytes_before < ${parameters.add(limits.maxBytes, 'bigint')}
), pieces as (
  select x.dataset, count(*)::int as row_count,
         pg_catalog.string_agg('{"row":' || x.body || (select tail from mark) || x.ending, ',') as text
  from taken t cross join lateral (values ${values.join(', ')}) x (dataset, body, ending)
  where x.body is not null
  group by x.dataset, t._place / ${PIECE_ROWS}
), extent as (
  select count(*)::int as scanned, (count(*) filter (where t._wanted))::int as matched,
         (select count(*) from sized) > count(*) as is_cut
  from taken t
), last as (
  select array[${relation.key.map(({ name }) => `t.${escapeIdentifier(name)}::text`).join(', ')}] as key
  from taken t where t._place = (select pg_catalog.max(_place) from taken)
)
select e.scanned, e.matched, e.is_cut, l.key as last, p.dataset, p.row_count, p.text
from extent e left join last l on true left join pieces p on true`
  return { text, values: parameters.values }
}

/** The key alone of the next row of a pass: of a row that PostgreSQL cannot project. */
export function nextKeyStatement(
  relation: PassRelation,
  selection: RowSelection,
  after: readonly string[] | null,
): Statement {
  const parameters = new Parameters()
  const key = relation.key.map(({ name }) => `v.${escapeIdentifier(name)}::text`)
  const text = /* sql */ `
select array[${key.join(', ')}] as key
from ${relation.sql} v
where ${rangeSql(relation, selection, after, parameters)}
order by ${keyList(relation, 'v')}
limit 1`
  return { text, values: parameters.values }
}

/** The keys of every row that a pass would send. */
export function wantedStatement(relation: PassRelation, selection: RowSelection): Statement {
  const parameters = new Parameters()
  const wanted = wantedSql(relation, selection, parameters)
  const range = rangeSql(relation, selection, null, parameters)
  return {
    text: `select ${keyList(relation, 'v')} from ${relation.sql} v where (${range}) and (${wanted})`,
    values: parameters.values,
  }
}

/** The keys of every row that a pass looks at, wanted or not. */
export function scanStatement(relation: PassRelation, selection: RowSelection): Statement {
  const parameters = new Parameters()
  const range = rangeSql(relation, selection, null, parameters)
  return {
    text: `select ${keyList(relation, 'v')} from ${relation.sql} v where ${range}`,
    values: parameters.values,
  }
}
