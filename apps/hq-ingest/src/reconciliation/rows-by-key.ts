import type { Dataset } from '@hq-export/contract'
import { qualified, storedRow } from '../apply/column-arrays.ts'
import type { Parameters } from './parameters.ts'
import type { Key, Question } from './question.ts'
import { allOf, inFlight, ofCaller, type RowSelection, selectList } from './rows-in-scope.ts'

/**
 * SQL of the rows `t` of HQ that have one of these keys, whosever they are: where they are read,
 * and the conditions. A key of one column is found by one walk of its index, which costs half of a
 * look-up for each.
 */
export function storedRows(
  dataset: Dataset,
  keys: readonly Key[],
  parameters: Parameters,
): { readonly from: string; readonly conditions: readonly string[] } {
  const { primaryKey, name } = dataset
  const arrays = primaryKey.map((_, part) =>
    parameters.add(
      keys.map((key) => key[part]),
      'uuid[]',
    ),
  )
  if (primaryKey.length === 1)
    return {
      from: `hq.${name} as t`,
      conditions: [`${qualified(primaryKey, 't')} = any (${arrays[0]})`],
    }
  const from = `(
        select distinct * from unnest(${arrays.join(', ')}) as k (${primaryKey.join(', ')})
      ) as i
      cross join ${storedRow(dataset, 'i')} as t`
  return { from, conditions: [] }
}

/**
 * SQL of the rows of some keys, as `rowsInScope` has those of a scope. Each is found by the primary
 * key; of snapshots this finds every version.
 */
export function rowsByKey(
  question: Question,
  keys: readonly Key[],
  { columns, flightKey, conditions }: RowSelection,
  parameters: Parameters,
): string {
  const { dataset } = question
  const stored = storedRows(dataset, keys, parameters)
  const key = qualified(dataset.primaryKey, 't')
  const list = selectList({
    ...columns,
    ...(flightKey !== undefined && { [flightKey]: `pg_catalog.concat_ws('/', ${key})` }),
    in_flight: inFlight('t', question, parameters),
    deleted: 't._dx_deleted_at is not null',
    in_scope: 'true',
  })
  const where = [...stored.conditions, ...ofCaller('t', question, parameters), ...conditions]
  return `select ${list}
    from ${stored.from}
    where ${allOf(where)}
    offset 0`
}
