import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { joinsSql } from '../projection/joins.ts'
import { projectionOf, snapshotIdSql, snapshotProjectionOf } from '../projection/projection.ts'
import { wireBodySql } from '../projection/wire-body.ts'
import { baseSql } from './version-bases.ts'

/** What happened to the rows that a capture reads. */
export type CaptureKind = 'current' | 'deleted'

/**
 * SQL of the trace context. An uncorrelated subquery is run once per firing, and not at all when
 * there is no row.
 */
export const TRACEPARENT =
  '(select case when hq_export.has_traceparent() then hq_export.current_traceparent() end)'

/** What narrows or speeds up a capture. */
export interface CaptureOptions {
  /** Condition beside the binding's own. */
  readonly where?: string | undefined
  /** SQL of the bases of the rows, see `withBases`; without, each is looked up. */
  readonly bases?: string | undefined
}

/** Values of `outbox_n`'s columns for one contract row; the rest are column defaults. */
export const OUTBOX_COLUMNS = 'dataset, version, deleted, key, traceparent, body'

/**
 * `select` over source rows `from` (aliased `r`) that yields, per row under contract, what the
 * outbox takes.
 *
 * `offset 0` keeps the planner from copying a value into every place that uses it: the version
 * stands in up to four. The base is a scalar subquery, never a join: a plan is cached at its first,
 * often one-row, execution, and a subquery stays one index lookup per row however many rows come
 * later.
 */
export function captureSelect(
  bound: BoundDataset,
  kind: CaptureKind,
  from: string,
  { where: condition, bases }: CaptureOptions = {},
): string {
  const projection = projectionOf(bound, 'v.version')
  const filters = [...projection.filters, ...(condition === undefined ? [] : [condition])]
  const where = filters.length === 0 ? '' : `\nwhere ${filters.join(' and ')}`
  if (bound.version === undefined) {
    return `select ${projection.key} as key, ${wireBodySql(projection.columns)} as body
from ${from}${joinsSql(bound)}${where}`
  }
  const current = `hq_export.exported_version((r.${pg.escapeIdentifier(bound.version)})::bigint, ${baseSql(bound, bases)})`
  // A delete is a version of its own, the one after the last.
  const version = kind === 'deleted' ? `hq_export.exported_version(${current}, 1)` : current
  const snapshot = snapshotProjectionOf(bound, projection, {
    version: 'v.version',
    snapshotId: 's.snapshot_id',
  })
  const snapshotColumns =
    snapshot === undefined
      ? ''
      : `,
  s.snapshot_id::text as snapshot_key, ${wireBodySql(snapshot)} as snapshot_body`
  const snapshotFrom =
    snapshot === undefined
      ? ''
      : `
cross join lateral (select ${snapshotIdSql(projection, 'v.version')} as snapshot_id offset 0) s`
  // A deleted key has a base, so only a rebased row can be back from a delete.
  const isRebased = `v.version <> (r.${pg.escapeIdentifier(bound.version)})::bigint`
  return `select k.key, v.version, ${isRebased} as is_rebased, ${wireBodySql(projection.columns)} as body${snapshotColumns}
from ${from}
cross join lateral (select ${projection.key} as key offset 0) k
cross join lateral (select ${version} as version offset 0) v${snapshotFrom}${where}`
}

/**
 * From rows `p` of {@link captureSelect} to rows of the outbox: the entity's, and its snapshot's.
 */
export function outboxSelect(bound: BoundDataset, kind: CaptureKind, p: string): string {
  const { number } = datasetByName(bound.dataset)
  if (bound.snapshot === undefined) {
    const version = bound.version === undefined ? 'null' : 'p.version'
    return `select ${number}, ${version}, ${kind === 'deleted'}, p.key, ${TRACEPARENT}, p.body
from ${p} p`
  }
  // Every exported version yields its snapshot row, a delete's version too; that row itself is
  // never deleted.
  return `select x.dataset, x.version, x.deleted, x.key, ${TRACEPARENT}, x.body
from ${p} p
cross join lateral (values
  (${number}, p.version, ${kind === 'deleted'}, p.key, p.body),
  (${datasetByName(SNAPSHOTS_DATASET).number}, null, false, p.snapshot_key, p.snapshot_body)
) x (dataset, version, deleted, key, body)`
}
