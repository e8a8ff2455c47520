import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { datasetByName } from '@hq-export/contract'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { readSourceRow } from '@hq-export/outbox-relay/reexport/read-source-row.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { expect, test } from 'vitest'
import { capturing, ofDataset } from '../../support/capture-rows.ts'
import { insertOrg } from '../../support/reference-rows.ts'
import { createDxDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const REFERENCE = join(
  import.meta.dirname,
  '../../../migrations/data-engine-x/bindings/reference.json',
)

const HOSTILE = `
set datestyle = 'SQL, DMY'; set intervalstyle = 'iso_8601'; set bytea_output = 'escape';
set extra_float_digits = -15; set timezone = 'Asia/Kathmandu'; set xmlbinary = 'hex';
set xmloption = 'document';
set lc_monetary = 'C.UTF-8'; set default_text_search_config = 'pg_catalog.english';
set standard_conforming_strings = off; set escape_string_warning = off;
set quote_all_identifiers = on;
set transform_null_equals = on; set backslash_quote = on; set array_nulls = off`

test('I1: what is captured is what the view shows, whatever the settings of the session that writes', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  const folder = await mkdtemp(join(tmpdir(), 'hq-export-binding-'))
  try {
    await client.query(
      `alter table entities.company_entities add f float8, add b bytea, add i interval, add m money,
         add t timestamp, add x xml`,
    )
    const reference = JSON.parse(await readFile(REFERENCE, 'utf8'))
    const company = reference.datasets.find(
      (bound: { dataset: string }) => bound.dataset === COMPANIES,
    )
    company.columns = {
      ...company.columns,
      canonical_name: `concat_ws('|', r.f, r.b, r.i, r.m, r.t, r.x)`,
      linkedin_url: `xmlelement(name v, r.b)::text`,
      industry: `to_tsvector('the running companies')::text || (r.industry = null)::text`,
      revenue_band: `('01/02/2026'::date)::text || regexp_replace('a.b', '\\.', '-')`,
      hq_country: `'hq_export.binding'::regclass::text || to_jsonb(r.f)::text || r.t::date::text`,
    }
    const file = join(folder, 'values.json')
    await writeFile(file, JSON.stringify({ name: 'values', datasets: [company] }))
    await bind(database.url, file)
    const orgId = await insertOrg(client)
    await client.query(HOSTILE)
    const insert = `insert into entities.company_entities (org_id, industry, f, b, i, m, t, x)
      values ('${orgId}', 'x', 0.1::float8 + 0.2, decode('00ff41', 'hex'), '1 year 2 days', 12.5,
        make_timestamp(2026, 2, 1, 3, 4, 5.6), xmlparse(content '<a/>'))`
    const [captured] = ofDataset(await capturing(client, () => client.query(insert)), COMPANIES)
    const relay = await connect(database.url, 'test', () => {})
    try {
      const shown = await readSourceRow(relay, datasetByName(COMPANIES), captured?.key ?? '')
      expect(captured).toMatchObject({ sqlstate: null })
      expect(captured?.body).toBe(shown?.body)
      expect(captured?.row.canonical_name).toContain('0.30000000000000004|\\x00ff41|')
      expect(captured?.row.revenue_band).toBe('2026-01-02a-b')
    } finally {
      await relay.end()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('I5: a capture that may not take a way of a plan has no statement compiled for it', async () => {
  await using database = await createDxDatabase()
  const client = await database.connect()
  const { rows } = await client.query<{ name: string; jit: boolean }>(
    `select p.proname::text as name, 'jit=off' = any (p.proconfig) as jit
     from pg_proc p where p.pronamespace = 'hq_export'::regnamespace
       and exists (select from unnest(p.proconfig) as setting where setting like 'enable\\_%=off')`,
  )
  expect(rows.length).toBeGreaterThan(10)
  expect(rows.filter(({ jit }) => !jit)).toEqual([])
})
