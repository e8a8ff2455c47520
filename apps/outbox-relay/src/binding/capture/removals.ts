import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import type { CapturedDataset } from '../changes/captured-body.ts'
import { changedRow, changedRows } from '../changes/changed-rows.ts'
import { keyChanged } from '../changes/key-changed.ts'
import { joinsSql } from '../projection/joins.ts'
import { whereSql } from '../projection/layout.ts'
import { projectionOf, terminalSql } from '../projection/projection.ts'
import { isPartitioned, type SourceTable } from '../source-table.ts'
import { boundedNotes, KEPT_KEYS, noteCapture } from './bounded-capture.ts'
import { captureFunction, type GeneratedFunction } from './capture-function.ts'
import { rowsOf } from './capture-select.ts'

/*
 * Rows of append-only datasets that the source has no longer. Nothing of them is exported, HQ keeps
 * what it has; their keys are noted, so that a comparison of both sides can tell such a row of HQ
 * from one that should not be there (see hq_export.removal). Kept also while the emergency switch
 * is on, as bases of versions are: nothing is missing in HQ then, so there is no gap to close.
 */

/** `select` of the keys of rows `from` (aliased `r`) that were under contract. */
function removedKeys(bound: BoundDataset, from: string, where?: string): string {
  const { key } = projectionOf(bound, 'null')
  // What a filter joins may be gone by now, with the row or before it: every row is noted then.
  const filter = bound.joins === undefined && bound.filter !== undefined && `(${bound.filter})`
  const filters = [filter || undefined, terminalSql(bound, 'r'), where]
  return `select ${key} as key
from ${from}${whereSql(filters)}`
}

/**
 * plpgsql that notes keys as removed. A row that exists is locked by whoever deletes it, so two
 * writers never meet at one note.
 */
function noteRemoved({ dataset }: BoundDataset, keys: string): string {
  return `insert into hq_export.removal as m (dataset, key)
select ${datasetByName(dataset).number}, k.key
from ${rowsOf(keys)} k
on conflict (dataset, key) do update set
  removed_xid = excluded.removed_xid,
  removed_at = excluded.removed_at,
  spec = null,
  hash = null;`
}

const RAW = { kind: 'none', operation: 'removal' } as const

function noteKeys(
  bound: CapturedDataset,
  event: 'removed' | 'withdrawn',
  keys: string,
): GeneratedFunction {
  const bounded = boundedNotes(keys, noteRemoved(bound, KEPT_KEYS))
  const capture = `${noteRemoved(bound, keys)}\n${noteCapture(bounded)}`
  return captureFunction({ bound, event, rows: RAW, capture, bounded })
}

/**
 * Rows that a statement has deleted, foreign keys with ON DELETE CASCADE among them. Where captures
 * fire for each row, one that moves to another partition is noted, too; the view has it, so that
 * the note says nothing.
 */
function onRemoved(bound: CapturedDataset): GeneratedFunction {
  return noteKeys(bound, 'removed', removedKeys(bound, changedRows(bound, 'old')))
}

/** A row that an update took out of the dataset: another key, or the filter holds no longer. */
function onWithdrawn(bound: CapturedDataset): GeneratedFunction {
  const { filters } = projectionOf(bound, 'null')
  const isStillThere = `exists (
  select from ${changedRow(bound, 'new')}${joinsSql({ ...bound, settle: undefined })}${whereSql(filters)}
)`
  const hasLeft = `(${keyChanged(bound)} or not ${isStillThere})`
  return noteKeys(bound, 'withdrawn', removedKeys(bound, changedRow(bound, 'old'), hasLeft))
}

/**
 * The same in a partitioned table, whose rows an update may move, which fires no row trigger for
 * UPDATE. As a join, it is planned once: see partitioned-events.ts.
 */
function onPartitionedWithdrawn(bound: CapturedDataset): GeneratedFunction {
  const { key, filters } = projectionOf(bound, 'null')
  const joins = joinsSql({ ...bound, settle: undefined })
  const isGone = `${key} not in (select ${key} from n r${joins}${whereSql(filters)})`
  return captureFunction({
    bound,
    event: 'withdrawn',
    rows: RAW,
    settings: ['enable_nestloop = off'],
    capture: noteRemoved(bound, removedKeys(bound, 'o r', isGone)),
  })
}

/** A TRUNCATE; see hq_export.truncation. */
function onCleared(bound: CapturedDataset): GeneratedFunction {
  return captureFunction({
    bound,
    event: 'cleared',
    rows: RAW,
    capture: `insert into hq_export.truncation (dataset)
values (${datasetByName(bound.dataset).number})
on conflict do nothing;`,
  })
}

/** The trigger functions that note what an append-only dataset loses. */
export function removalFunctions(bound: CapturedDataset, source: SourceTable): GeneratedFunction[] {
  return [
    onRemoved(bound),
    isPartitioned(source) && bound.rowForm === undefined
      ? onPartitionedWithdrawn(bound)
      : onWithdrawn(bound),
    onCleared(bound),
  ]
}

/**
 * SQL over `old` and `new` that is true where an update may have taken the row out of the dataset.
 * The columns that decide are found by their names in the binding's SQL: rather one too many.
 */
function mayHaveLeft(bound: BoundDataset, { columns }: SourceTable): string {
  const conditions = [keyChanged(bound)]
  if (bound.filter !== undefined) {
    const sql = `${bound.filter} ${bound.joins ?? ''}`.toLowerCase()
    const named = columns.filter(({ name }) => sql.includes(name.toLowerCase()))
    const row = (alias: string): string => {
      const values = named.map(({ name }) => `${alias}.${pg.escapeIdentifier(name)}`)
      return named.length === 0 ? `${alias}.*` : `row(${values.join(', ')})::record`
    }
    conditions.push(`${row('old')} operator(pg_catalog.*<>) ${row('new')}`)
  }
  const hadEnded = terminalSql(bound, 'old')
  if (hadEnded === undefined) return conditions.join(' or ')
  conditions.push(`(${terminalSql(bound, 'new')}) is not true`)
  return `${hadEnded} and (${conditions.join(' or ')})`
}

/** When a trigger of a relation fires, and with what. */
export interface RemovalTrigger {
  readonly event: 'removed' | 'withdrawn' | 'cleared'
  readonly relation: SourceTable['relations'][number]
  readonly clauses: string
}

/**
 * The triggers of these functions, on the table and the partitions below it; those that fire for
 * each row where the others' do, too, on the table alone, whose partitions get clones of them.
 */
export function removalTriggers(
  bound: BoundDataset,
  source: SourceTable,
  isByRow: boolean,
): RemovalTrigger[] {
  const { semantics }: Dataset = datasetByName(bound.dataset)
  if (semantics !== 'append') return []
  const withdrawn = `after update\nfor each row when (${mayHaveLeft(bound, source)})`
  const isMovable = isPartitioned(source) && !isByRow
  return source.relations.flatMap((relation, place): RemovalTrigger[] => {
    const on = (event: RemovalTrigger['event'], clauses: string): RemovalTrigger => ({
      event,
      relation,
      clauses,
    })
    const cleared = relation.hasStorage ? [on('cleared', 'after truncate\nfor each statement')] : []
    if (isByRow) {
      if (place > 0) return cleared
      return [on('removed', 'after delete\nfor each row'), on('withdrawn', withdrawn), ...cleared]
    }
    return [
      on('removed', 'after delete\nreferencing old table as o for each statement'),
      isMovable
        ? on(
            'withdrawn',
            'after update\nreferencing old table as o new table as n for each statement',
          )
        : on('withdrawn', withdrawn),
      ...cleared,
    ]
  })
}
