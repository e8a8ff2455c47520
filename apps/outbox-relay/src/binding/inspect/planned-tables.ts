import type pg from 'pg'

interface PlanNode {
  readonly Schema?: string
  readonly 'Relation Name'?: string
  readonly Plans?: readonly PlanNode[]
}

function scannedTables(node: PlanNode): string[] {
  const { Schema: schema, 'Relation Name': name, Plans: plans = [] } = node
  const own = schema === undefined || name === undefined ? [] : [`${schema}.${name}`]
  return [...own, ...plans.flatMap(scannedTables)]
}

// A partition stands for the table that it is a part of.
const ROOTS = `
select distinct n.nspname || '.' || c.relname as name
from pg_catalog.pg_class p
join pg_catalog.pg_namespace m on m.oid = p.relnamespace
join pg_catalog.pg_class c on c.oid = coalesce(pg_catalog.pg_partition_root(p.oid), p.oid)
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where m.nspname || '.' || p.relname = any ($1) and n.nspname <> 'hq_export'
order by 1`

/**
 * Tables of the application that a query reads, `schema.table`, from its plan; nothing runs.
 * @throws pg.DatabaseError when PostgreSQL refuses the query.
 */
export async function plannedTables(client: pg.ClientBase, query: string): Promise<string[]> {
  const explained = await client.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
    `explain (verbose, format json) ${query}`,
  )
  const plan = explained.rows[0]?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error('EXPLAIN returned no plan')
  const { rows } = await client.query<{ name: string }>(ROOTS, [scannedTables(plan)])
  return rows.map(({ name }) => name)
}
