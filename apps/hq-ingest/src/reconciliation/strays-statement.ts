import { LIMITS, rowHashSql } from '@hq-export/contract'
import type { Statement } from './digest-statement.ts'
import { ENTITY_DATASETS, SNAPSHOTS } from './entity-datasets.ts'
import { Parameters } from './parameters.ts'
import type { Question } from './question.ts'
import { allOf, inFlight, inRange, inSample, inTime, ofCaller } from './rows-in-scope.ts'

/** The `snapshot_id` that follows from a version; the source's `hq_export.snapshot_id`. */
const OWN_ID = `pg_catalog.encode(pg_catalog."substring"(pg_catalog.sha256(pg_catalog.convert_to(
        pg_catalog.concat_ws('/', t.org_id, t.entity_type, t.entity_id, t.record_version), 'UTF8'
      )), 1, 16), 'hex')::uuid`

/**
 * Snapshots that are of no entity of HQ, or of a version that it has not reached, or under an id
 * that is another version's: the comparison of current versions does not see them. Those in flight
 * come last: most are ahead of their entity, and one may name a transaction that never was. Each of
 * the source's entities is read once, by its key.
 */
export function straysStatement(question: Question): Statement {
  const parameters = new Parameters()
  const { spec, scope } = question
  const isOfEntities = (scope.from ?? scope.before)?.length === 2
  const rangeOf = (alias: string) =>
    isOfEntities ? inRange(`${alias}.org_id, ${alias}.entity_id`, scope, parameters) : []
  const joins = ENTITY_DATASETS.map(({ type, name }) => {
    const where = allOf([...ofCaller('e', question, parameters), ...rangeOf('e')])
    return `left join (
      select e.org_id, e.entity_id, e.record_version from hq.${name} as e where ${where} offset 0
    ) as ${type} on t.entity_type = '${type}'
      and ${type}.org_id = t.org_id and ${type}.entity_id = t.entity_id`
  })
  const versions = ENTITY_DATASETS.map(({ type }) => `${type}.record_version`).join(', ')
  const where = [
    ...ofCaller('t', question, parameters),
    ...(isOfEntities ? rangeOf('t') : inRange('t.snapshot_id', scope, parameters)),
    ...inSample(question),
    ...inTime(question, parameters),
    `(t.record_version > coalesce(${versions}, 0) or t.snapshot_id <> ${OWN_ID})`,
  ]
  return {
    text: `select t.snapshot_id as key, null as version,
      pg_catalog.concat_ws('/', t.org_id, t.entity_type, t.entity_id, t.record_version) as entity,
      (${rowHashSql(spec, (column) => `t.${column}`)})::text as hash,
      ${inFlight('t', question, parameters)} as in_flight, false as deleted
    from hq.${SNAPSHOTS} as t
    ${joins.join('\n    ')}
    where ${allOf(where)}
    order by in_flight limit ${LIMITS.maxDigestKeys}`,
    values: parameters.values,
  }
}
