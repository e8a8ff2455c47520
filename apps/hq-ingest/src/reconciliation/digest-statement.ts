import { bucketSql, type CriticalField, keyHashSql, LIMITS, rowHashSql } from '@hq-export/contract'
import { currentSnapshots } from './current-snapshots.ts'
import { SNAPSHOTS } from './entity-datasets.ts'
import { Parameters } from './parameters.ts'
import type { Question } from './question.ts'
import { rowsByKey } from './rows-by-key.ts'
import { type RowSelection, rowsInScope } from './rows-in-scope.ts'

/** A statement and its values. */
export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** SQL of the rows that a question is about. */
export function selectRows(
  question: Question,
  selection: RowSelection,
  parameters: Parameters,
): string {
  const { keys, dataset } = question
  if (keys !== undefined) return rowsByKey(question, keys, selection, parameters)
  return dataset.name === SNAPSHOTS
    ? currentSnapshots(question, selection, parameters)
    : rowsInScope(question, selection, parameters)
}

const onRow = (column: string) => `t.${column}`

/** SQL of the bucket of the row `t`. */
export function bucketOf({ dataset, spec }: Question): string {
  return bucketSql(keyHashSql(spec, dataset, onRow))
}

/** A row is incomplete where none of the alternatives is whole. */
function isIncomplete({ anyOf }: CriticalField): string {
  return anyOf
    .map((names) => `(${names.map((name) => `t.${name} is null`).join(' or ')})`)
    .join(' and ')
}

/**
 * What is counted of the rows that are compared, by its name in the answer: conditions on `t`. A
 * `status` that the contract does not have is no name for an answer, so it is not counted.
 */
function measures({ dataset }: Question): {
  nulls: Record<string, string>
  statuses: Record<string, string>
} {
  const status = dataset.columns.find(({ name }) => name === 'status')
  return {
    nulls: Object.fromEntries(
      dataset.criticalFields.map((field) => [field.name, isIncomplete(field)]),
    ),
    statuses: Object.fromEntries(
      (status?.values ?? []).map((value) => [value, `t.status = '${value}'`]),
    ),
  }
}

function objectOf(sums: readonly (readonly [name: string, column: string])[]): string {
  const members = sums.map(([name, column]) => `'${name}', coalesce(sum(b.${column}), 0)`)
  return `pg_catalog.json_build_object(${members.join(', ')})`
}

/**
 * One scan of what is in scope: sum and rows of every bucket, and whatever else is counted. The
 * hash of every row is computed below the aggregate, so that it is computed once.
 */
export function digestStatement(question: Question): Statement {
  const parameters = new Parameters()
  const { dataset, spec } = question
  const { nulls, statuses } = measures(question)
  const counted = Object.entries({ ...nulls, ...statuses }).map(([name, condition], place) => ({
    name,
    condition,
    column: `n${place}`,
  }))
  const rows = selectRows(
    question,
    {
      columns: {
        bucket: bucketOf(question),
        hash: rowHashSql(spec, onRow),
        time: `t.${dataset.timeColumn}`,
        ...Object.fromEntries(counted.map(({ column, condition }) => [column, condition])),
      },
      conditions: [],
    },
    parameters,
  )
  const columnsOf = (measured: Record<string, string>) =>
    counted
      .filter(({ name }) => name in measured)
      .map(({ name, column }) => [name, column] as const)
  const counts = counted.map(
    ({ column }) => `,
    count(*) filter (where k.kept and k.${column}) as ${column}`,
  )
  const text = `with b as (
  select k.bucket, count(*) filter (where k.kept) as rows, sum(k.hash) filter (where k.kept) as sum,
    count(*) filter (where k.in_flight) as in_flight,
    count(*) filter (where k.deleted and not k.in_flight) as deleted,
    min(k.time) filter (where k.kept) as min_time,
    max(k.time) filter (where k.kept) as max_time${counts.join('')}
  from (
    select r.*, not r.in_flight and not r.deleted and r.in_scope as kept from (
    ${rows}
    ) as r offset 0
  ) as k
  group by k.bucket
)
select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(b.bucket, b.rows, b.sum::text)
    order by b.bucket) filter (where b.rows > 0), '[]') as buckets,
  coalesce(sum(b.rows), 0)::float8 as rows,
  coalesce(sum(b.in_flight), 0)::float8 as in_flight,
  coalesce(sum(b.deleted), 0)::float8 as deleted,
  ${objectOf(columnsOf(nulls))} as nulls,
  ${objectOf(columnsOf(statuses))} as statuses,
  pg_catalog.to_json(min(b.min_time)) #>> '{}' as min_time,
  pg_catalog.to_json(max(b.max_time)) #>> '{}' as max_time
from b`
  return { text, values: parameters.values }
}

/** Keys of the rows that are in flight, at most as many as may be told. */
export function flightStatement(question: Question): Statement {
  const parameters = new Parameters()
  const rows = selectRows(question, { columns: {}, flightKey: 'key', conditions: [] }, parameters)
  return {
    text: `select r.key from (
    ${rows}
    ) as r where r.in_flight limit ${LIMITS.maxInFlightKeys}`,
    values: parameters.values,
  }
}
