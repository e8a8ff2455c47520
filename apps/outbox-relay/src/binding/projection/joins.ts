import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { tableSql } from '../source-table.ts'
import { indent, lines } from './layout.ts'

const { escapeIdentifier } = pg

/** SQL of the settle delay. */
export function delaySql({ delaySeconds }: NonNullable<BoundDataset['settle']>): string {
  return `interval '${delaySeconds} seconds'`
}

/**
 * What the children of a settling row say, as the row `s`. Children that came late do not count,
 * neither here nor in the view.
 */
function childrenSql(bound: BoundDataset): string | undefined {
  const { settle, dataset } = bound
  if (settle === undefined) return undefined
  const { children } = settle
  const names = Object.entries(children.columns).map(
    ([name, sql]) => `${sql} as ${escapeIdentifier(name)}`,
  )
  const [key = ''] = bound.key
  const childKey = `c.${escapeIdentifier(children.key)}::text`
  return `left join lateral (
  select
${indent(lines(names))}
  from ${tableSql(children.table)} c
  where c.${escapeIdentifier(children.parent)} = r.${escapeIdentifier(key)}
    and not exists (
      select from hq_export.late_child l
      where l.dataset = ${datasetByName(dataset).number} and l.key = ${childKey}
    )
) s on true`
}

/**
 * What follows the source row `r` in FROM, so that every expression of the dataset finds what it
 * reads.
 */
export function joinsSql(bound: BoundDataset): string {
  return [childrenSql(bound), bound.joins]
    .filter((join) => join !== undefined)
    .map((join) => `\n${join}`)
    .join('')
}

/**
 * True where the dataset's rows are made of more than `r`: only who owns the tables can compute
 * them.
 */
export function readsOtherRows({ settle, sequence, joins }: BoundDataset): boolean {
  return settle !== undefined || sequence !== undefined || joins !== undefined
}
