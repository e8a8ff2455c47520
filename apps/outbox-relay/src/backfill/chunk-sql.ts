import pg from 'pg'
import { wireBodySql } from '../binding/projection/wire-body.ts'
import { MAX_BODY_BYTES } from '../outbox/row-size.ts'
import type { PassOutput, PassRelation } from './pass-relation.ts'
import type { RowSelection } from './selection.ts'

const { escapeIdentifier } = pg

/** Rows in one value of the answer: a larger one would be put together from many reads. */
const PIECE_ROWS = 64

/** A statement and its parameters. */
export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** Values of a statement, each with its place and type. */
export class Parameters {
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

/** Conditions of a time window: from `since`, inclusive, to `until`, exclusive. */
function windowConditions(
  timeSql: string | undefined,
  { since, until }: RowSelection,
  parameters: Parameters,
): string[] {
  if (timeSql === undefined) return []
  const conditions: string[] = []
  if (since !== null) conditions.push(`${timeSql} >= ${parameters.add(since, 'timestamptz')}`)
  if (until !== null) conditions.push(`${timeSql} < ${parameters.add(until, 'timestamptz')}`)
  return conditions
}

/**
 * Conditions that no index of the source has to support: they are asked of rows that were reached
 * by their key.
 */
function wantedSql(
  relation: PassRelation,
  selection: RowSelection,
  parameters: Parameters,
): string {
  const { timeSql, orgSql } = relation
  const { orgId } = selection
  const conditions = windowConditions(timeSql, selection, parameters)
  if (orgId !== null && !isOrgLeading(relation)) {
    conditions.push(`${orgSql} = ${parameters.add(orgId, 'uuid')}`)
  }
  return all(conditions)
}

/**
 * The rows of an output that belong to `v`: SQL of the body of its only one, or of an array of
 * bodies.
 */
function bodiesSql(
  { columns, from }: PassOutput,
  selection: RowSelection,
  parameters: Parameters,
): string {
  const body = wireBodySql(columns)
  if (from === undefined) return body
  const conditions = [from.condition, ...windowConditions(from.timeSql, selection, parameters)]
  return `array(select ${body} from ${from.sql} s where ${all(conditions)})`
}

function tailSql({ deleted }: PassOutput): string {
  return deleted ? `',"deleted":true}'` : `'}'`
}

/**
 * Reads the next rows of a pass in the order of its key, as wire rows: at most `maxScan` rows are
 * looked at, however few of them are wanted, and bodies end with the one that reaches `maxBytes`.
 * So a statement costs the same on every table, with an index on the time column or without. Of a
 * row that is larger than HQ takes the key in the pass and the size are told, in a line of its own,
 * instead of the row.
 *
 * Takes no lock beyond a reader's. `xid` is this statement's own transaction: its id lies above
 * that of every transaction whose changes it shows, so whoever compares under an older snapshot
 * knows the rows for newer.
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
    (output, index) =>
      `case when v._wanted
        then ${bodiesSql(output, selection, parameters)} end as _bodies_${index}`,
  )
  const bytes = outputs.map(({ from }, index) => {
    const bodies = `v._bodies_${index}`
    const text = from === undefined ? bodies : `pg_catalog.array_to_string(${bodies}, '')`
    return `coalesce(pg_catalog.octet_length(${text}), 0)`
  })
  const keyArray = (alias: string): string => {
    const values = relation.key.map(({ name }) => `${alias}.${escapeIdentifier(name)}::text`)
    return `array[${values.join(', ')}]`
  }
  const pieces = outputs.map((output, index) => {
    const bodies = `t._bodies_${index}`
    const [body, rows] =
      output.from === undefined
        ? [bodies, `taken t where ${bodies} is not null`]
        : ['b.body', `taken t cross join lateral pg_catalog.unnest(${bodies}) b (body) where true`]
    return `
  select ${output.dataset.number} as dataset, count(*)::int as row_count,
         pg_catalog.string_agg('{"row":' || ${body} || (select tail from mark)
           || ${tailSql(output)}, ',') as text,
         null::text[] as key, null::int as bytes
  from ${rows} and pg_catalog.octet_length(${body}) <= ${MAX_BODY_BYTES}
  group by t._place / ${PIECE_ROWS}
  union all
  select ${output.dataset.number}, 0, null, ${keyArray('t')}, pg_catalog.octet_length(${body})
  from ${rows} and pg_catalog.octet_length(${body}) > ${MAX_BODY_BYTES}`
  })
  const key = (alias: string) => keyList(relation, alias)
  const text = /* sql */ `
with mark as materialized (
  select ',"xid":"' || pg_catalog.pg_current_xact_id()::text
         || '","captured_at":' || pg_catalog.to_json(pg_catalog.clock_timestamp())::text as tail
), sized as materialized (
  select ${key('v')}, v._wanted, ${outputs.map((_, index) => `v._bodies_${index}`).join(', ')},
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
), taken as not materialized (
  select * from sized where _bytes_before < ${parameters.add(limits.maxBytes, 'bigint')}
), pieces as (${pieces.join(' union all')}
), extent as (
  select count(*)::int as scanned, (count(*) filter (where t._wanted))::int as matched,
         (select count(*) from sized) > count(*) as is_cut
  from taken t
), last as (
  select ${keyArray('t')} as key
  from taken t where t._place = (select pg_catalog.max(_place) from taken)
)
select e.scanned, e.matched, e.is_cut, l.key as last, p.dataset, p.row_count, p.text, p.key, p.bytes
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

/** Every row that an output of a pass would send, as the key that it belongs to. */
export function wantedStatement(
  relation: PassRelation,
  { from }: PassOutput,
  selection: RowSelection,
): Statement {
  const parameters = new Parameters()
  const conditions = [
    wantedSql(relation, selection, parameters),
    rangeSql(relation, selection, null, parameters),
  ]
  if (from !== undefined) {
    conditions.push(from.condition, ...windowConditions(from.timeSql, selection, parameters))
  }
  const others = from === undefined ? '' : ` cross join ${from.sql} s`
  return {
    text: `select ${keyList(relation, 'v')} from ${relation.sql} v${others}
      where ${all(conditions)}`,
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
