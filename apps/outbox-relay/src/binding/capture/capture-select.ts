import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { type CapturedDataset, capturedBody } from '../changes/captured-body.ts'
import { joinsSql } from '../projection/joins.ts'
import { indent, lines, whereSql } from '../projection/layout.ts'
import { projectionOf, snapshotIdSql, snapshotProjectionOf } from '../projection/projection.ts'
import { exportedSql, lookUpBase, takenBase } from './version-bases.ts'

/** What happened to the rows that a capture reads. */
export type CaptureKind = 'current' | 'deleted'

/** Variable of a capture function: the trace context. */
export const TRACEPARENT_VARIABLE = 'v_traceparent'

/**
 * SQL of the trace context, where there is no variable of it. An uncorrelated subquery is run once
 * per statement, and not at all when there is no row.
 */
export const TRACEPARENT = `(
  select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
)`

/** What narrows or speeds up a capture. */
export interface CaptureOptions {
  /** Condition beside the binding's own. */
  readonly where?: string | undefined
  /** SQL of the bases of the rows, see `withBases`; without, each is looked up. */
  readonly bases?: string | undefined
  /** True where keys that were deleted are noted as existing again; writes. */
  readonly revives?: boolean
  /** SQL of the trace context; by default that of a statement outside of a capture function. */
  readonly traceparent?: string | undefined
}

/** Values of `outbox_n`'s columns for one contract row; the rest are column defaults. */
export const OUTBOX_COLUMNS = 'dataset, version, deleted, key, traceparent, body'

/**
 * `select` over source rows `from` (aliased `r`) that yields, per row under contract, what the
 * outbox takes.
 *
 * `offset 0` keeps the planner from copying a value into every place that uses it: the version
 * stands in up to four. The base is looked up row by row, by a lateral subquery: a plan is cached
 * at its first, often one-row, execution, and this stays one index lookup per row however many rows
 * come later.
 */
export function captureSelect(
  bound: CapturedDataset,
  kind: CaptureKind,
  from: string,
  { where: condition, bases, revives = false }: CaptureOptions = {},
): string {
  const projection = projectionOf(bound, 'v.version')
  const where = whereSql([...projection.filters, condition])
  const body = capturedBody(bound, bound.dataset, projection.columns)
  if (bound.version === undefined) {
    return `select
  ${projection.key} as key,
${indent(body)} as body
from ${from}${joinsSql(bound)}${where}`
  }
  const version = `(r.${pg.escapeIdentifier(bound.version)})::bigint`
  const { number } = projection.dataset
  const current = exportedSql(version, bases === undefined ? 'b.base' : takenBase(bases))
  // A delete is a version of its own, the one after the last.
  const exported = kind === 'deleted' ? exportedSql(current, '1') : current
  const snapshot = snapshotProjectionOf(bound, projection, {
    version: 'v.version',
    snapshotId: 's.snapshot_id',
  })
  const snapshotBody = snapshot && capturedBody(bound, SNAPSHOTS_DATASET, snapshot)
  const key = revives
    ? `case when b.is_deleted then hq_export.revived(${number}::smallint, k.key) else k.key end`
    : 'k.key'
  const columns = [
    `${key} as key`,
    'v.version',
    `${body} as body`,
    ...(snapshotBody === undefined
      ? []
      : ['s.snapshot_id::text as snapshot_key', `${snapshotBody} as snapshot_body`]),
  ]
  const computed = [
    lateral('k', 'key', projection.key),
    ...(bases === undefined ? [lookUpBase(number)] : []),
    lateral('v', 'version', exported),
    ...(snapshot === undefined
      ? []
      : [lateral('s', 'snapshot_id', snapshotIdSql(projection, 'v.version'))]),
  ]
  return `select
${lines(columns)}
from ${from}
${computed.join('\n')}${where}`
}

/**
 * From rows `p` of {@link captureSelect} to rows of the outbox: the entity's, and its snapshot's.
 * @param traceparent SQL of the trace context.
 */
export function outboxSelect(
  bound: BoundDataset,
  kind: CaptureKind,
  p: string,
  traceparent = TRACEPARENT,
): string {
  const { number } = datasetByName(bound.dataset)
  const isDeleted = kind === 'deleted'
  if (bound.snapshot === undefined) {
    const version = bound.version === undefined ? 'null' : 'p.version'
    return `select ${number}, ${version}, ${isDeleted}, p.key, ${traceparent}, p.body
from ${p} p`
  }
  // Every exported version yields its snapshot row, a delete's version too; that row itself is
  // never deleted.
  return `select x.dataset, x.version, x.deleted, x.key, ${traceparent}, x.body
from ${p} p
cross join lateral (values
  (${number}, p.version, ${isDeleted}, p.key, p.body),
  (${datasetByName(SNAPSHOTS_DATASET).number}, null, false, p.snapshot_key, p.snapshot_body)
) x (dataset, version, deleted, key, body)`
}

/**
 * A join that computes one value per row. `offset 0` keeps the planner from copying it into every
 * place that uses it.
 */
export function lateral(alias: string, name: string, sql: string): string {
  return `cross join lateral (\n${indent(`select ${sql} as ${name} offset 0`)}\n) ${alias}`
}

/** A sub-select of these rows, to stand in FROM. */
export function rowsOf(select: string): string {
  return `(\n${indent(select)}\n)`
}
