import { createHash } from 'node:crypto'
import { type Binding, type BoundDataset, SNAPSHOTS_DATASET } from '../binding-schema.ts'
import { type BodyType, bodyType, type CapturedDataset } from '../changes/captured-body.ts'
import { projectionOf, snapshotProjectionOf } from '../projection/projection.ts'
import { datasetView, type GeneratedView, snapshotsView } from '../projection/view-sql.ts'
import { rowFormOf, type SourceTable } from '../source-table.ts'
import { captureFunctions } from './capture-events.ts'
import type { GeneratedFunction } from './capture-function.ts'
import { captureTriggers, type GeneratedTrigger, lateTriggers } from './capture-triggers.ts'
import { setsTimeZone } from './function-settings.ts'
import { onLateChild } from './settle-capture.ts'

/**
 * Everything that a binding may install, in the order in which it can be created; {@link neededSql}
 * says what of it is needed.
 */
export interface GeneratedSql {
  /** Composite types of the bodies of captures. */
  readonly types: readonly BodyType[]
  readonly views: readonly GeneratedView[]
  readonly functions: readonly GeneratedFunction[]
  readonly triggers: readonly GeneratedTrigger[]
  /** sha256 of all of it and of the owners, in hexadecimal. */
  readonly fingerprint: string
}

function fingerprintOf(
  parts: Omit<GeneratedSql, 'fingerprint'>,
  sources: ReadonlyMap<string, SourceTable>,
): string {
  const hash = createHash('sha256')
  for (const { sql, table } of [...parts.views, ...parts.functions]) {
    hash.update(JSON.stringify([sql, sources.get(table)?.owner]))
  }
  for (const { rowFunction } of parts.views) hash.update(JSON.stringify(rowFunction?.sql ?? ''))
  for (const { sql } of [...parts.types, ...parts.triggers]) hash.update(JSON.stringify(sql))
  return hash.digest('hex')
}

/**
 * What of it is needed where the histories of some datasets are complete. The fingerprint stays
 * that of the binding.
 */
export function neededSql(sql: GeneratedSql, complete: ReadonlySet<string>): GeneratedSql {
  const isNeeded = ({ untilComplete }: { readonly untilComplete?: string }): boolean =>
    untilComplete === undefined || !complete.has(untilComplete)
  return {
    ...sql,
    functions: sql.functions.filter(isNeeded),
    triggers: sql.triggers.filter(isNeeded),
  }
}

/** The types that the captures of a dataset name. */
function bodyTypes(bound: BoundDataset, source: SourceTable): BodyType[] {
  const isSet = setsTimeZone(bound, source)
  const projection = projectionOf(bound, 'null')
  const snapshot = snapshotProjectionOf(bound, projection, {
    version: 'null',
    snapshotId: 'null',
  })
  return [
    bodyType(bound.dataset, projection.columns, isSet),
    ...(snapshot === undefined ? [] : [bodyType(SNAPSHOTS_DATASET, snapshot, isSet)]),
  ]
}

/**
 * Generates views, trigger functions and triggers of a binding. Pure: the same input gives the same
 * text.
 * @param isByRow true where captures fire for each row, as a limit of temporary files asks for; see
 * `changedRows`.
 */
export function generate(
  binding: Binding,
  sources: ReadonlyMap<string, SourceTable>,
  isByRow = false,
): GeneratedSql {
  const snapshots = snapshotsView(binding)
  const sourceOf = ({ table }: { readonly table: string }): SourceTable => {
    const source = sources.get(table)
    if (source === undefined) throw new RangeError(`${table} was not inspected`)
    return source
  }
  const childrenOf = (
    bound: BoundDataset,
    { children }: NonNullable<BoundDataset['settle']>,
  ): CapturedDataset => ({
    ...bound,
    setsTimeZone: true,
    ...(isByRow ? { rowForm: rowFormOf(sourceOf(children)) } : {}),
  })
  const types = binding.datasets.flatMap((bound) => bodyTypes(bound, sourceOf(bound)))
  const parts = {
    types: [...new Map(types.map((type) => [type.name, type])).values()],
    views: [
      ...binding.datasets.map((bound) => datasetView(bound, sourceOf(bound))),
      ...(snapshots === undefined ? [] : [snapshots]),
    ],
    functions: binding.datasets.flatMap((bound) => [
      ...captureFunctions(bound, sourceOf(bound), isByRow),
      ...(bound.settle === undefined
        ? []
        : [onLateChild(childrenOf(bound, bound.settle), bound.settle)]),
    ]),
    triggers: binding.datasets.flatMap((bound) => [
      ...captureTriggers(bound, sourceOf(bound), isByRow),
      ...(bound.settle === undefined
        ? []
        : lateTriggers(bound, sourceOf(bound.settle.children), isByRow)),
    ]),
  }
  return { ...parts, fingerprint: fingerprintOf(parts, sources) }
}
