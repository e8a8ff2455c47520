import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { datasetByName } from '@hq-export/contract'
import type pg from 'pg'

/** The operational schema and the binding that the demo uses. */
export const BINDINGS_FOLDER = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  '..',
  'migrations',
  'data-engine-x',
  'bindings',
)

/** Tables that the workload writes beyond those that the binding exports. */
const WORKLOAD_TABLES = ['ops.orgs', 'ops.companies', 'ops.pipeline_runs']

/** Columns that the generator of the binding computes; a source table need not have them. */
const COMPUTED_COLUMN = 'export_schema_version'

interface ReferenceBinding {
  readonly datasets: readonly {
    readonly dataset: string
    readonly table: string
    readonly columns?: Readonly<Record<string, string>>
  }[]
}

const COLUMNS = /* sql */ `
select n.nspname || '.' || c.relname as "table", array_agg(a.attname::text) as columns
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname in ('ops', 'entities') and c.relkind in ('r', 'p')
group by 1`

const SCHEMAS = /* sql */ `
select exists (select from pg_catalog.pg_namespace where nspname in ('ops', 'entities')) as found`

async function expectedColumns(): Promise<Map<string, readonly string[]>> {
  const binding: ReferenceBinding = JSON.parse(
    await readFile(join(BINDINGS_FOLDER, 'reference.json'), 'utf8'),
  )
  const expected = new Map<string, readonly string[]>(
    WORKLOAD_TABLES.map((table) => [table, ['id']]),
  )
  for (const { dataset, table, columns } of binding.datasets) {
    const direct = datasetByName(dataset).columns.filter(
      ({ name, additive }) =>
        name !== COMPUTED_COLUMN && additive !== true && columns?.[name] === undefined,
    )
    expected.set(
      table,
      direct.map(({ name }) => name),
    )
  }
  return expected
}

/** True where the database has a schema `ops` or `entities`, of whatever shape. */
export async function hasOperationalSchema(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(SCHEMAS)
  return rows[0]?.found ?? false
}

/**
 * What the operational schema lacks of the reference one, one sentence each; empty where the
 * reference binding fits. Expected is every contract column that the binding takes from a column of
 * the same name.
 */
export async function findShapeProblems(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ table: string; columns: string[] }>(COLUMNS)
  const found = new Map(rows.map(({ table, columns }) => [table, columns]))
  const problems: string[] = []
  for (const [table, columns] of await expectedColumns()) {
    const existing = found.get(table)
    if (existing === undefined) {
      problems.push(`there is no table ${table}`)
      continue
    }
    const missing = columns.filter((column) => !existing.includes(column))
    if (missing.length > 0) problems.push(`${table} lacks ${missing.join(', ')}`)
  }
  return problems
}
