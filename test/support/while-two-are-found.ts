import type pg from 'pg'

/**
 * Runs `work` while the view cannot compute the companies of a name: a sub-select in it finds two
 * rows of them (SQLSTATE 21000), as an expression of a binding may.
 */
export async function whileTwoAreFound(
  client: pg.ClientBase,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  const view = 'hq_export.dx_company_entities_v1'
  const { rows } = await client.query<{ sql: string }>(`select pg_get_viewdef('${view}') as sql`)
  const sql = rows[0]?.sql ?? ''
  const faulty = sql.replace(
    /r?\.?employee_count( AS employee_count)?/,
    `(select n from (values (1), (2)) t (n) where r.canonical_name = '${name}') as employee_count`,
  )
  await client.query(`create or replace view ${view} as ${faulty}`)
  try {
    await work()
  } finally {
    await client.query(`create or replace view ${view} as ${sql}`)
  }
}
