import { OUTBOX_TABLES } from '../../outbox/outbox-tables.ts'
import { indent } from './layout.ts'

/** Tables that take turns, by number; a sequence says which one writers fill now. */
const TABLES = { outbox: OUTBOX_TABLES, settle: [0, 1] } as const

/**
 * plpgsql: the same statement for each table of a kind, static, and one of them chosen at run time.
 * @param number SQL of the number of the table; by default that of the current one.
 */
export function chooseTable(
  kind: keyof typeof TABLES,
  statement: (table: string) => string,
  number = `coalesce(pg_sequence_last_value('hq_export.current_${kind}'), 0)`,
): string {
  const branches = TABLES[kind].map(
    (table) => `when ${table} then\n${indent(`${statement(`hq_export.${kind}_${table}`)};`)}`,
  )
  return `case ${number}
${branches.join('\n')}
end case;`
}
