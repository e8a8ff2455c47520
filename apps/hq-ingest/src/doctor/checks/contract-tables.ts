import { DATASETS, type Dataset, TYPE_NAMES } from '@hq-export/contract'
import { type Finding, fail, ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type pg from 'pg'
import type { Check } from './finding.ts'

/** What begins so is ours, and no part of the contract. */
const OWN_PREFIX = '_dx_'
const MIGRATE = 'it is not as we created it: compare it with migrations/hq/0002_create_datasets.sql'

const COLUMNS = /* sql */ `
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
  not a.attnotnull as nullable, a.atthasdef as has_default
from pg_catalog.pg_attribute a
where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum`

const TABLE = /* sql */ `
select r.rolname as owner, c.relrowsecurity as is_secured, c.relpersistence = 'u' as is_unlogged,
  pg_catalog.has_table_privilege('hq_reader', c.oid, 'select') as is_readable,
  exists (select from pg_catalog.pg_policy p
    where p.polrelid = c.oid and p.polroles && array['hq_reader'::regrole::oid]) as has_policy
from pg_catalog.pg_class c join pg_catalog.pg_roles r on r.oid = c.relowner
where c.oid = pg_catalog.to_regclass($1)`

// Keys of every unique index without expressions or a condition, in their order.
const UNIQUE = /* sql */ `
select i.indisvalid and i.indisready as is_valid, i.indisprimary as is_primary,
  array(select a.attname::text from pg_catalog.unnest(i.indkey::int2[]) with ordinality k (number, place)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
    where k.place <= i.indnkeyatts order by k.place) as columns
from pg_catalog.pg_index i
where i.indrelid = pg_catalog.to_regclass($1) and i.indisunique and i.indpred is null
  and i.indexprs is null`

interface LiveColumn {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly has_default: boolean
}

interface LiveTable {
  readonly owner: string
  readonly is_secured: boolean
  readonly is_unlogged: boolean
  readonly is_readable: boolean
  readonly has_policy: boolean
}

interface UniqueIndex {
  readonly is_valid: boolean
  readonly is_primary: boolean
  readonly columns: readonly string[]
}

const nullability = (nullable: boolean) => (nullable ? 'nullable' : 'not null')

function judgeColumns({ name: table, columns }: Dataset, live: readonly LiveColumn[]): Finding[] {
  const found = new Map(live.map((column) => [column.name, column]))
  const wrong = columns.flatMap(({ name, type, nullable }) => {
    const column = found.get(name)
    if (column === undefined) return [fail(`hq.${table} lacks the column ${name}`, MIGRATE)]
    const [is, should] = [
      `${column.type}, ${nullability(column.nullable)}`,
      `${TYPE_NAMES[type]}, ${nullability(nullable)}`,
    ]
    if (is === should) return []
    return [fail(`hq.${table}.${name} is ${is}; the contract says ${should}`, MIGRATE)]
  })
  const known = new Set<string>(columns.map(({ name }) => name))
  const strange = live.filter(({ name }) => !known.has(name) && !name.startsWith(OWN_PREFIX))
  return [
    ...wrong,
    ...strange.map(({ name, nullable, has_default: hasDefault }) =>
      nullable || hasDefault
        ? warn(
            `hq.${table} has a column ${name} that the contract does not know`,
            'nothing fills it; a column of that name in the contract would collide with it',
          )
        : fail(
            `hq.${table} has a column ${name} that must be filled and that nobody fills`,
            `run: alter table hq.${table} alter column ${name} drop not null`,
          ),
    ),
  ]
}

function judgeTable(name: string, table: LiveTable | undefined): Finding[] {
  if (table === undefined) return [fail(`hq.${name} does not exist`, MIGRATE)]
  const findings: Finding[] = []
  if (table.owner !== 'hq_ingest_writer') {
    findings.push(
      fail(
        `hq.${name} belongs to ${table.owner}`,
        `run: alter table hq.${name} owner to hq_ingest_writer`,
      ),
    )
  }
  if (!table.is_secured || !table.has_policy) {
    findings.push(
      fail(
        `hq.${name} does not keep the orgs of its readers apart: ` +
          (table.is_secured ? 'the policy of hq_reader is gone' : 'row level security is off'),
        MIGRATE,
      ),
    )
  }
  if (!table.is_readable) {
    findings.push(
      warn(`hq_reader may not read hq.${name}`, `run: grant select on hq.${name} to hq_reader`),
    )
  }
  if (table.is_unlogged) {
    findings.push(
      fail(`hq.${name} is unlogged: a crash empties it`, `run: alter table hq.${name} set logged`),
    )
  }
  return findings
}

function judgeKeys(dataset: Dataset, indexes: readonly UniqueIndex[]): Finding[] {
  const { name, primaryKey, uniquenessGuard } = dataset
  const isKept = (columns: readonly string[], isPrimary: boolean) =>
    indexes.some(
      (index) =>
        index.is_valid &&
        (index.is_primary || !isPrimary) &&
        index.columns.join() === columns.join(),
    )
  const keys = [
    { what: 'the primary key', columns: primaryKey, isPrimary: true },
    ...(uniquenessGuard === undefined
      ? []
      : [{ what: 'the guard', columns: uniquenessGuard, isPrimary: false }]),
  ]
  return keys
    .filter(({ columns, isPrimary }) => !isKept(columns, isPrimary))
    .map(({ what, columns }) =>
      fail(`hq.${name} lacks ${what} (${columns.join(', ')}), or it is not valid`, MIGRATE),
    )
}

async function examineDataset(client: pg.ClientBase, dataset: Dataset): Promise<Finding[]> {
  const name = `hq.${dataset.name}`
  const { rows: tables } = await client.query<LiveTable>(TABLE, [name])
  const findings = judgeTable(dataset.name, tables[0])
  if (tables.length === 0) return findings
  const { rows: columns } = await client.query<LiveColumn>(COLUMNS, [name])
  const { rows: indexes } = await client.query<UniqueIndex>(UNIQUE, [name])
  return [...findings, ...judgeColumns(dataset, columns), ...judgeKeys(dataset, indexes)]
}

/** What of the contract's tables is not as the contract has it; nothing where all is well. */
export async function examineTables(client: pg.ClientBase): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const dataset of DATASETS) findings.push(...(await examineDataset(client, dataset)))
  return findings
}

/** The tables are those of the contract, whatever was done to them by hand. */
export const contractTables: Check = {
  name: 'contract-tables',
  async examine({ login }) {
    const findings = await examineTables(login)
    return findings.length > 0 ? findings : ok(`${DATASETS.length} tables as the contract has them`)
  },
}
