import { ENTITY_DATASETS } from './entity-datasets.ts'
import type { Parameters } from './parameters.ts'
import type { Question } from './question.ts'
import {
  allOf,
  inFlight,
  inRange,
  inSample,
  inTime,
  ofCaller,
  type RowSelection,
  selectList,
} from './rows-in-scope.ts'

const ENTITY_KEY = 'e.org_id, e.entity_id'

/**
 * {@link rowsInScope} of snapshots: of every entity that HQ has, its snapshot of just this version,
 * because older ones need not be at the source any more. Reads by entity: one in flight is told
 * though its snapshot has not come yet, in every range of snapshot ids, because at the source it
 * may be another one.
 */
export function currentSnapshots(
  question: Question,
  { columns, flightKey, conditions }: RowSelection,
  parameters: Parameters,
): string {
  const { dataset, scope } = question
  const isOfEntities = (scope.from ?? scope.before)?.length === 2
  const ofEntities = isOfEntities ? inRange(ENTITY_KEY, scope, parameters) : []
  const inScope = [
    't.snapshot_id is not null',
    ...(isOfEntities ? [] : inRange('t.snapshot_id', scope, parameters)),
    ...inSample(question),
    ...inTime(question, parameters),
  ]
  const where = [...ofCaller('e', question, parameters), ...ofEntities, ...conditions]
  const flying = ['e', 't'].map((alias) => inFlight(alias, question, parameters))
  const selects = ENTITY_DATASETS.map(({ type, name }) => {
    const list = selectList({
      ...columns,
      ...(flightKey !== undefined && {
        [flightKey]: `pg_catalog.concat_ws('/', e.org_id, '${type}', e.entity_id)`,
      }),
      in_flight: flying.join('\n      or '),
      deleted: 'e._dx_deleted_at is not null or t._dx_deleted_at is not null',
      in_scope: allOf(inScope),
    })
    return `(select ${list}
    from hq.${name} as e
    left join hq.${dataset.name} as t
      on t.org_id = e.org_id and t.entity_type = '${type}' and t.entity_id = e.entity_id
      and t.record_version = e.record_version and t._dx_source = e._dx_source
    where ${allOf(where)}
    ${isOfEntities ? `order by ${ENTITY_KEY} ` : ''}offset 0)`
  })
  return selects.join('\n    union all\n    ')
}
