import type { Binding } from '../binding-schema.ts'
import type { SourceTable } from '../source-table.ts'
import { type GeneratedSql, generate } from './generate.ts'

/** Bindings whose SQL is remembered: that of the database, and while it is replaced the next. */
const MAX_REMEMBERED = 4

/** SQL by what it was generated from, the latest last. */
const remembered = new Map<string, GeneratedSql>()

/**
 * What {@link generate} gives, remembered: it takes some 40 ms of a processor, and a console that
 * runs the doctor wants the same again and again.
 */
export function generatedSql(
  binding: Binding,
  sources: ReadonlyMap<string, SourceTable>,
  isByRow: boolean,
): GeneratedSql {
  const input = JSON.stringify([binding, [...sources], isByRow])
  const sql = remembered.get(input) ?? generate(binding, sources, isByRow)
  remembered.delete(input)
  remembered.set(input, sql)
  const [oldest] = remembered.keys()
  if (oldest !== undefined && remembered.size > MAX_REMEMBERED) remembered.delete(oldest)
  return sql
}
