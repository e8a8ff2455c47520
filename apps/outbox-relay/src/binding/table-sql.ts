import pg from 'pg'

/** `schema.table` of a binding as SQL. */
export function tableSql(table: string): string {
  return table.split('.').map(pg.escapeIdentifier).join('.')
}
