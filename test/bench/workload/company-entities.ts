import type pg from 'pg'
import { type BenchOptions, WrongResultError } from '../scenario.ts'
import { writeInCommits } from './write-in-commits.ts'

const NIL_UUID = `'00000000-0000-0000-0000-000000000000'::uuid`
const ORGS = 20
const ORG_ID = `pg_catalog.md5('org ' || i % ${ORGS})::uuid`
const ENTITY_ID = `pg_catalog.md5('entity ' || i)::uuid`

/** Contract columns but company_id and the schema version; order of {@link COMPANIES}. */
const COLUMNS = `org_id, entity_id, canonical_name, canonical_domain, linkedin_url,
  linkedin_page_id, industry, employee_count, revenue_band, hq_country, enrichment_confidence,
  last_enriched_at, last_operation_id, source_priority, record_version, updated_at`

const COMPANIES_BETWEEN = /* sql */ `
select ${ORG_ID}, ${ENTITY_ID}, 'Company ' || i, 'company-' || i || '.example',
       'https://www.linkedin.com/company/company-' || i, i::text,
       (array['Software Development', 'Financial Services',
              'Hospitals and Health Care'])[1 + i % 3], i % 5000,
       (array['1-10M', '10-50M', '50-100M'])[1 + i % 3], (array['US', 'DE', 'GB'])[1 + i % 3],
       (i % 100) / 100.0, timestamptz '2026-01-01 00:00:00Z', 'company.enrich.profile',
       'blitzapi,prospeo', 1, timestamptz '2026-01-01 00:00:00Z'
from pg_catalog.generate_series($1::int, $2::int) i`

const COMPANIES = COMPANIES_BETWEEN.replace(
  'generate_series($1::int, $2::int)',
  'generate_series(1, $1::int)',
)

const INSERT_ORGS = /* sql */ `
insert into ops.orgs (id, name)
select pg_catalog.md5('org ' || n)::uuid, 'Org ' || n
from pg_catalog.generate_series(0, ${ORGS - 1}) n
on conflict do nothing`

// The ids are computed, so it is a join by primary key, as when the application updates what it has
// read.
function enrich(table: string): string {
  return /* sql */ `
update ${table} e
set employee_count = e.employee_count + 1,
    enrichment_confidence = (e.record_version % 100) / 100.0,
    last_enriched_at = pg_catalog.now(),
    last_operation_id = 'company.enrich.hiring',
    record_version = e.record_version + 1,
    updated_at = pg_catalog.now()
from pg_catalog.generate_series($1::int, $2::int) i
where e.org_id = ${ORG_ID} and e.entity_id = ${ENTITY_ID}`
}

/** Fills the operational table anew, without a capture: nothing of it waits in the outbox. */
export async function fillCompanies(client: pg.ClientBase, companies: number): Promise<void> {
  await client.query(INSERT_ORGS)
  await client.query('begin')
  try {
    // No trigger fires; nor does the check of foreign keys, whose orgs exist.
    await client.query('alter table entities.company_entities disable trigger all')
    await client.query('truncate entities.company_entities')
    const text = `insert into entities.company_entities (${COLUMNS}) ${COMPANIES}`
    await client.query(text, [companies])
    await client.query('alter table entities.company_entities enable trigger all')
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
  await client.query('analyze entities.company_entities')
}

/** Fills a plain table of the contract's columns with the same companies. */
export async function fillPlainCompanies(
  client: pg.ClientBase,
  table: string,
  companies: number,
): Promise<void> {
  await client.query(
    `insert into ${table} (${COLUMNS}, company_id, export_schema_version)
     select c.*, ${NIL_UUID}, 'v1' from (${COMPANIES}) c`,
    [companies],
  )
  await client.query(`analyze ${table}`)
}

/** Fills HQ's table as if ours had delivered the companies before. */
export async function fillHqCompanies(client: pg.ClientBase, companies: number): Promise<void> {
  const table = 'hq.dx_company_entities_v1'
  await client.query(`truncate ${table}, ingest.batch, ingest.quarantine`)
  await client.query(
    `insert into ${table}
       (${COLUMNS}, company_id, export_schema_version, _dx_xid, _dx_batch, _dx_source)
     select c.*, ${NIL_UUID}, 'v1', '1', 'fill', 'data-engine-x' from (${COMPANIES}) c`,
    [companies],
  )
  await client.query(`analyze ${table}`)
}

/** Gives every company `versions` new versions, all companies in turn. */
export async function enrichCompanies(
  client: pg.ClientBase,
  table: string,
  companies: number,
  versions: number,
  options: BenchOptions,
): Promise<void> {
  for (let version = 0; version < versions; version++) {
    await writeInCommits(client, enrich(table), companies, options)
  }
}

/**
 * Writes a version of every company into a plain table of the contract's columns, as upserts in
 * transactions of `perCommit`.
 */
export async function upsertPlainCompanies(
  client: pg.ClientBase,
  table: string,
  companies: number,
  perCommit: number,
  version: number,
  signal: AbortSignal,
): Promise<void> {
  const names = COLUMNS.split(',').map((name) => name.trim())
  const assigned = names
    .filter((name) => name !== 'org_id' && name !== 'entity_id')
    .map((name) => `${name} = excluded.${name}`)
  const text = `insert into ${table} as t (${COLUMNS}, company_id, export_schema_version)
select ${names.map((name) => (name === 'record_version' ? '$3::bigint' : `c.${name}`)).join(', ')},
  ${NIL_UUID}, 'v1'
from (${COMPANIES_BETWEEN}) c (${COLUMNS})
on conflict (org_id, entity_id) do update set ${assigned.join(', ')}
where t.record_version < excluded.record_version`
  for (let first = 1; first <= companies; first += perCommit) {
    signal.throwIfAborted()
    const last = Math.min(companies, first + perCommit - 1)
    await client.query({ name: 'upsert-companies', text, values: [first, last, version] })
  }
}

/** A query with one row where the company that is written last has version `$2`. */
export function lastCompany(table: string): string {
  return `select from ${table} where org_id = (select ${ORG_ID} from (select $1::int as i) s)
    and entity_id = (select ${ENTITY_ID} from (select $1::int as i) s)
    and record_version = $2::bigint`
}

async function checksum(client: pg.ClientBase, table: string): Promise<string> {
  // Every column that an update changes; updated_at differs in the fraction only if a version is
  // missing.
  const { rows } = await client.query<{ sum: string }>(
    `select count(*) || ' companies, checksum '
       || coalesce(sum(pg_catalog.hashtextextended(pg_catalog.concat_ws('/',
       entity_id, record_version, employee_count, enrichment_confidence, last_operation_id,
       extract(epoch from last_enriched_at), extract(epoch from updated_at)), 0)), 0) as sum
       from ${table}`,
  )
  return rows[0]?.sum ?? ''
}

/** @throws {WrongResultError} unless both tables hold the same state of the same companies. */
export async function assertSameCompanies(
  source: { readonly client: pg.ClientBase; readonly table: string },
  hq: { readonly client: pg.ClientBase; readonly table: string },
): Promise<void> {
  const expected = await checksum(source.client, source.table)
  const found = await checksum(hq.client, hq.table)
  if (found !== expected) {
    throw new WrongResultError(`${hq.table} has ${found}; the source has ${expected}`)
  }
}
