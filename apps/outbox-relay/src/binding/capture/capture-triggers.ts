import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { keyChanged } from '../changes/key-changed.ts'
import { isPartitioned, type SourceRelation, type SourceTable } from '../source-table.ts'
import { hasJustEnded } from './capture-events.ts'
import { type CaptureEvent, functionName } from './capture-function.ts'
import { removalTriggers } from './removals.ts'

/** A generated trigger. */
export interface GeneratedTrigger {
  readonly name: string
  /** Quoted `schema.table` that carries it. */
  readonly relation: string
  readonly sql: string
  /** Dataset whose history it completes; it is needed no longer once that is complete. */
  readonly untilComplete?: string
}

/**
 * Start of every trigger name of ours; the dataset's number follows, because one table may feed
 * several datasets.
 */
const TRIGGER_PREFIX = 'hq_export_'
/** End of the names of triggers that fire for each row where those of a statement do elsewhere. */
export const BY_ROW_SUFFIX = '_row'

function trigger(
  bound: BoundDataset,
  relation: SourceRelation,
  event: CaptureEvent,
  clauses: string,
  suffix = '',
): GeneratedTrigger {
  const { number } = datasetByName(bound.dataset)
  const name = `${TRIGGER_PREFIX}${number}_${event}${suffix}`
  const [when, ...rest] = clauses.split('\n')
  return {
    name,
    relation: relation.sql,
    // ALWAYS: a session with session_replication_role = replica changes rows like any other.
    sql: `create or replace trigger ${pg.escapeIdentifier(name)} ${when} on ${relation.sql}
${rest.join('\n')}
execute function ${functionName(bound.dataset, event)}();
alter table ${relation.sql} enable always trigger ${pg.escapeIdentifier(name)}`,
  }
}

/**
 * Statement triggers of one relation. A statement aimed at a partition fires the partition's
 * statement triggers and not the root's (and the other way round), so each has them all and exactly
 * one of them fires. TRUNCATE fires both, so only relations that hold rows have that one.
 */
function statementTriggers(
  bound: BoundDataset,
  relation: SourceRelation,
  isMovable: boolean,
): GeneratedTrigger[] {
  const { semantics }: Dataset = datasetByName(bound.dataset)
  const on = (event: 'insert' | 'update' | 'delete', tables: string): GeneratedTrigger =>
    trigger(bound, relation, event, `after ${event}\nreferencing ${tables} for each statement`)
  const inserted = on('insert', 'new table as n')
  const updated = on('update', isMovable ? 'old table as o new table as n' : 'new table as n')
  if (semantics === 'append') {
    return isMovable && bound.terminal !== undefined ? [inserted, updated] : [inserted]
  }
  return [inserted, updated, on('delete', 'old table as o'), ...truncateTriggers(bound, relation)]
}

function truncateTriggers(bound: BoundDataset, relation: SourceRelation): GeneratedTrigger[] {
  const { semantics }: Dataset = datasetByName(bound.dataset)
  if (semantics === 'append' || !relation.hasStorage) return []
  return [trigger(bound, relation, 'truncate', 'before truncate\nfor each statement')]
}

/**
 * What fires for each row where statement triggers do elsewhere, on the root: PostgreSQL clones it
 * for every partition, those that are attached later included. Under names of its own, because what
 * stands on a partition cannot become a clone, or cease to be one. Of one row, triggers fire in the
 * order of their names: `bump`, `leave`, `update_row`.
 */
function triggersByRow(
  bound: BoundDataset,
  root: SourceRelation,
  isMovable: boolean,
): GeneratedTrigger[] {
  const { semantics }: Dataset = datasetByName(bound.dataset)
  const on = (event: 'insert' | 'update' | 'delete', when: string): GeneratedTrigger =>
    trigger(bound, root, event, `after ${when}\nfor each row`, BY_ROW_SUFFIX)
  if (semantics === 'append') return [on('insert', isMovable ? 'insert or delete' : 'insert')]
  return [on('insert', 'insert'), on('update', 'update'), on('delete', 'delete')]
}

/**
 * Row triggers of a table without partitions, or where all are such. Their AFTER events run before
 * the statement's.
 */
function rowTriggers(bound: BoundDataset, root: SourceRelation, suffix = ''): GeneratedTrigger[] {
  const { semantics }: Dataset = datasetByName(bound.dataset)
  const whenRow = (condition: string): string => `after update\nfor each row when (${condition})`
  if (semantics === 'append') {
    if (bound.settle !== undefined)
      return [trigger(bound, root, 'gone', 'before delete\nfor each row')]
    if (bound.terminal === undefined) return []
    return [trigger(bound, root, 'update', whenRow(hasJustEnded(bound)), suffix)]
  }
  const version = pg.escapeIdentifier(bound.version ?? '')
  // The server reads a condition anew for every statement: what of it is rare stands in the function.
  const isSilent = `new.${version} <= old.${version} and old.* operator(pg_catalog.*<>) new.*`
  return [
    trigger(bound, root, 'bump', whenRow(isSilent)),
    trigger(
      bound,
      root,
      'leave',
      bound.filter === undefined ? whenRow(keyChanged(bound)) : 'after update\nfor each row',
    ),
  ]
}

/** Statement triggers on the children of a settling dataset. */
export function lateTriggers(
  bound: BoundDataset,
  children: SourceTable,
  isByRow: boolean,
): GeneratedTrigger[] {
  if (isByRow) {
    const when = isPartitioned(children) ? 'insert or delete' : 'insert'
    return children.relations
      .slice(0, 1)
      .map((root) => trigger(bound, root, 'late', `after ${when}\nfor each row`, BY_ROW_SUFFIX))
  }
  return children.relations.map((relation) =>
    trigger(bound, relation, 'late', 'after insert\nreferencing new table as n for each statement'),
  )
}

/**
 * Triggers that keep what is replaced before it was ever exported, on every relation that holds
 * rows.
 */
function historyTriggers(bound: BoundDataset, source: SourceTable): GeneratedTrigger[] {
  if (bound.snapshot === undefined) return []
  return source.relations
    .filter(({ hasStorage }) => hasStorage)
    .flatMap((relation) => [
      trigger(bound, relation, 'replaced', 'before update or delete\nfor each row'),
      trigger(bound, relation, 'emptied', 'before truncate\nfor each statement'),
    ])
    .map((found) => ({ ...found, untilComplete: bound.dataset }))
}

/** Every trigger of one dataset on its source table and the partitions below it. */
export function captureTriggers(
  bound: BoundDataset,
  source: SourceTable,
  isByRow: boolean,
): GeneratedTrigger[] {
  const [root] = source.relations
  if (root === undefined) throw new RangeError(`${source.table} has no relation`)
  const isMovable = isPartitioned(source)
  const removals = removalTriggers(bound, source, isByRow).map(({ event, relation, clauses }) =>
    // Truncation is of a statement in either form.
    trigger(bound, relation, event, clauses, isByRow && event !== 'cleared' ? BY_ROW_SUFFIX : ''),
  )
  if (isByRow) {
    return [
      ...rowTriggers(bound, root, isMovable ? BY_ROW_SUFFIX : ''),
      ...triggersByRow(bound, root, isMovable),
      ...source.relations.flatMap((relation) => truncateTriggers(bound, relation)),
      ...historyTriggers(bound, source),
      ...removals,
    ]
  }
  return [
    ...(isMovable && bound.settle === undefined ? [] : rowTriggers(bound, root)),
    ...source.relations.flatMap((relation) => statementTriggers(bound, relation, isMovable)),
    ...historyTriggers(bound, source),
    ...removals,
  ]
}
