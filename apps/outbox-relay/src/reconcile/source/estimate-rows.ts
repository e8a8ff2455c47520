import type pg from 'pg'
import type { SourceRelation } from './source-relation.ts'

/** Rows of a relation, as the planner guesses: at once, whatever the size. */
export async function estimateRows(
  client: pg.ClientBase,
  { sql }: SourceRelation,
): Promise<number> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) select from ${sql} v`,
  )
  return Math.round(rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0)
}
