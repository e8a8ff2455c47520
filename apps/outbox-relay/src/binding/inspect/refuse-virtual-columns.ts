import pg from 'pg'
import type { Binding } from '../binding-schema.ts'
import { BindingError } from '../load-binding.ts'
import { type SourceTable, tableSql } from '../source-table.ts'
import { checkExpressions } from './check-expressions.ts'

/**
 * A virtual generated column is NULL in a transition table (PostgreSQL 18, measured), so the
 * trigger would capture NULL where the view shows the value. Whether a binding reads one,
 * PostgreSQL says: over the table without that column, an expression that needs it is refused.
 * @param binding whose expressions are all valid.
 * @throws {BindingError} naming each such column.
 */
export async function refuseVirtualColumns(
  client: pg.ClientBase,
  binding: Binding,
  sources: ReadonlyMap<string, SourceTable>,
): Promise<void> {
  const problems: string[] = []
  for (const bound of binding.datasets) {
    const columns = sources.get(bound.table)?.columns ?? []
    for (const virtual of columns.filter(({ isVirtual }) => isVirtual)) {
      const others = columns
        .filter((column) => column !== virtual)
        .map(({ name }) => pg.escapeIdentifier(name))
      const rest = `(select ${others.join(', ')} from ${tableSql(bound.table)})`
      const refused = await checkExpressions(client, { datasets: [bound] }, () => rest)
      if (refused.length === 0) continue
      problems.push(
        `${bound.dataset}: ${bound.table}.${virtual.name} is a virtual generated column, ` +
          'which triggers see as NULL; bind its expression instead',
      )
    }
  }
  if (problems.length > 0) throw new BindingError(binding.name, problems)
}
