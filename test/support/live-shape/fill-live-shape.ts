import type pg from 'pg'

/** How many rows of what. */
export interface LiveShapeSize {
  readonly orgs: number
  /**
   * Rows of entities.company_entities; each also has the versions before it in
   * entities.entity_snapshots, with holes.
   */
  readonly companies: number
  readonly persons: number
  /** Rows of ops.operation_runs; two attempts each on average. */
  readonly runs: number
}

/** Sizes that were asked of the live system's exporter; filled in seconds. */
export const LARGE_LIVE_SHAPE: LiveShapeSize = {
  orgs: 5,
  companies: 50_000,
  persons: 5_000,
  runs: 20_000,
}

/*
 * Every value follows from the number n of its row, so two fills of one size are equal except for
 * their time. Among them is what a binding may trip over: entities without tenant company, without
 * payload, with a provider's body in the payload; `job` runs; runs without attempts, without a
 * resolvable entity; four-byte characters; numerics of many digits.
 */
const ORG = (n: string): string =>
  `extensions.uuid_generate_v5(extensions.uuid_ns_url(), 'org/' || ${n})`
const COMPANY = (n: string): string =>
  `extensions.uuid_generate_v5(extensions.uuid_ns_url(), 'tenant company/' || ${n})`
const PIPELINE = (n: string): string =>
  `extensions.uuid_generate_v5(extensions.uuid_ns_url(), 'pipeline run/' || ${n})`
/** Number of the tenant of row n. */
const TENANT = (n: string): string => `(${n} % $1::bigint)`
const ENTITY = (key: string): string =>
  `extensions.uuid_generate_v5(extensions.uuid_ns_url(), ${key})`

/** A company entity under the rule of the source: by domain, else LinkedIn page, else name. */
const COMPANY_ENTITY = (n: string): string =>
  ENTITY(`case when ${n} % 7 <> 0
      then 'company:' || ${ORG(TENANT(n))} || ':domain:c' || ${n} || '.example'
    when ${n} % 14 <> 0
      then 'company:' || ${ORG(TENANT(n))} || ':linkedin:https://www.linkedin.com/company/c' || ${n}
    else 'company:' || ${ORG(TENANT(n))} || ':name:company ' || ${n} || ' 🚀' end`)
const PERSON_ENTITY = (n: string): string =>
  ENTITY(`case when ${n} % 5 <> 0
      then 'person:' || ${ORG(TENANT(n))} || ':linkedin:https://www.linkedin.com/in/p' || ${n}
    else 'person:' || ${ORG(TENANT(n))}
      || ':work_email:p' || ${n} || '@c' || ${n} || '.example' end`)
const COMPANY_DOMAIN = (n: string): string =>
  `case when ${n} % 7 <> 0 then 'c' || ${n} || '.example' end`
const COMPANY_LINKEDIN = (n: string): string =>
  `case when ${n} % 14 <> 0 then 'https://www.linkedin.com/company/c' || ${n} end`
const PERSON_LINKEDIN = (n: string): string =>
  `case when ${n} % 5 <> 0 then 'https://www.linkedin.com/in/p' || ${n} end`
const COMPANY_PAYLOAD = (n: string, version: string): string => `pg_catalog.jsonb_build_object(
  'canonical_name', 'Company ' || ${n} || ' 🚀', 'canonical_domain', ${COMPANY_DOMAIN(n)},
  'employee_count', ${n} % 5000, 'enrichment_confidence', 0.10 + ${version} / 100.0,
  'record_version', ${version}, 'icp_criterion', 'b2b',
  'provider_data', pg_catalog.jsonb_build_object(
    'api_key', 'provider-key-' || ${n}, 'body', pg_catalog.repeat('x', 200)))`
const PERSON_PAYLOAD = (n: string, version: string): string => `pg_catalog.jsonb_build_object(
  'full_name', 'Zoë Person ' || ${n}, 'title', 'Head of ' || ${version},
  'work_email', 'p' || ${n} || '@c' || ${n} || '.example',
  'raw_response', pg_catalog.jsonb_build_object('token', 'provider-token-' || ${n}))`

/** Versions of row n: one to three. */
const VERSION = (n: string): string => `(1 + ${n} % 3)`
/** When row n was written: in the order of n, one a second, up to the start of the fill. */
const WRITTEN_AT = (n: string, count: string): string =>
  `pg_catalog.now() - (${count} - ${n} + 600) * interval '1 second'`

interface Statement {
  readonly sql: string
  readonly count: keyof LiveShapeSize
}

const STATEMENTS: readonly Statement[] = [
  {
    count: 'orgs',
    sql: `insert into ops.orgs (id, name, slug)
select ${ORG('(n - 1)')}, 'Org ' || n, 'org-' || n from pg_catalog.generate_series(1, $2::bigint) n
where $1::bigint > 0`,
  },
  {
    count: 'orgs',
    sql: `with tenant as (
  insert into ops.companies (id, org_id, name, domain)
  select ${COMPANY('(n - 1)')}, ${ORG('(n - 1)')}, 'Tenant company ' || n, 't' || n || '.example'
  from pg_catalog.generate_series(1, $2::bigint) n where $1::bigint > 0 returning id, org_id
), submission as (
  insert into ops.submissions (org_id, company_id, blueprint_id, input_payload)
  select t.org_id, t.id, extensions.uuid_nil(), '{}' from tenant t returning id, org_id, company_id
)
insert into ops.pipeline_runs
  (id, org_id, company_id, submission_id, blueprint_id, blueprint_snapshot, blueprint_version,
   status)
select ${PIPELINE('n')}, s.org_id, s.company_id, s.id, extensions.uuid_nil(), '{}', 1, 'succeeded'
from (select *, pg_catalog.row_number() over () - 1 as n from submission) s`,
  },
  {
    count: 'companies',
    sql: `insert into entities.company_entities
  (org_id, company_id, entity_id, canonical_domain, canonical_name, linkedin_url, industry,
   employee_count, employee_range, revenue_band, hq_country, description, enrichment_confidence,
   last_enriched_at, last_operation_id, last_run_id, source_providers, record_version,
   canonical_payload, created_at, updated_at, company_linkedin_id)
select ${ORG(TENANT('n'))}, case when n % 4 <> 0 then ${COMPANY(TENANT('n'))} end,
  ${COMPANY_ENTITY('n')}, ${COMPANY_DOMAIN('n')}, 'Company ' || n || ' 🚀',
  ${COMPANY_LINKEDIN('n')}, 'industry ' || n % 20, n % 5000, '11-50', '1M-10M', 'DE',
  pg_catalog.repeat('about ' || n || ' ', 10),
  0.12345678901234567890 + n % 3, ${WRITTEN_AT('n', '$2::bigint')},
  'company.enrich.profile', case when n % 3 = 0 then ${PIPELINE(TENANT('n'))} end,
  case when n % 6 <> 0 then array['prospeo', 'blitzapi'] end, ${VERSION('n')},
  case when n % 11 <> 0 then ${COMPANY_PAYLOAD('n', VERSION('n'))} end,
  ${WRITTEN_AT('n', '$2::bigint')} - interval '1 hour', ${WRITTEN_AT('n', '$2::bigint')},
  (100000 + n)::text
from pg_catalog.generate_series(1, $2::bigint) n`,
  },
  {
    count: 'companies',
    sql: `insert into entities.entity_snapshots
  (org_id, entity_type, entity_id, record_version, canonical_payload, captured_at, source_run_id)
select ${ORG(TENANT('n'))}, 'company', ${COMPANY_ENTITY('n')}, v, ${COMPANY_PAYLOAD('n', 'v')},
  ${WRITTEN_AT('n', '$2::bigint')} - (10 - v) * interval '1 minute',
  case when n % 3 = 0 then ${PIPELINE(TENANT('n'))} end
from pg_catalog.generate_series(1, $2::bigint) n
cross join lateral pg_catalog.generate_series(1, ${VERSION('n')} - 1) v
where (n + v) % 9 <> 0`,
  },
  {
    count: 'persons',
    sql: `insert into entities.person_entities
  (org_id, company_id, entity_id, full_name, first_name, last_name, linkedin_url, title, seniority,
   department, work_email, email_status, phone_e164, contact_confidence, last_enriched_at,
   last_operation_id, record_version, canonical_payload, created_at, updated_at)
select ${ORG(TENANT('n'))}, case when n % 2 = 0 then ${COMPANY(TENANT('n'))} end,
  ${PERSON_ENTITY('n')}, 'Zoë Person ' || n, 'Zoë', 'Person ' || n, ${PERSON_LINKEDIN('n')},
  'Head of ' || n % 9, 'senior', 'sales', 'p' || n || '@c' || n || '.example',
  'valid', '+49' || (1000000 + n), 0.90, ${WRITTEN_AT('n', '$2::bigint')},
  'person.contact.resolve_email', ${VERSION('n')},
  ${PERSON_PAYLOAD('n', VERSION('n'))}, ${WRITTEN_AT('n', '$2::bigint')} - interval '1 hour',
  ${WRITTEN_AT('n', '$2::bigint')}
from pg_catalog.generate_series(1, $2::bigint) n`,
  },
  {
    count: 'persons',
    sql: `insert into entities.entity_snapshots
  (org_id, entity_type, entity_id, record_version, canonical_payload, captured_at)
select ${ORG(TENANT('n'))}, 'person', ${PERSON_ENTITY('n')}, v, ${PERSON_PAYLOAD('n', 'v')},
  ${WRITTEN_AT('n', '$2::bigint')} - (10 - v) * interval '1 minute'
from pg_catalog.generate_series(1, $2::bigint) n
cross join lateral pg_catalog.generate_series(1, ${VERSION('n')} - 1) v`,
  },
  {
    count: 'runs',
    sql: `insert into ops.operation_runs
  (run_id, org_id, company_id, role, auth_method, operation_id, entity_type, status,
   input_payload, output_payload, created_at, updated_at)
select extensions.uuid_generate_v5(extensions.uuid_ns_url(), 'run/' || n), ${ORG(TENANT('n'))},
  case when n % 3 <> 0 then ${COMPANY(TENANT('n'))} end,
  'org_admin', 'api_key', k.entity_type || '.enrich.profile', k.entity_type,
  (array['found', 'not_found', 'failed', 'verified'])[1 + n % 4],
  case when n % 10 = 0 then pg_catalog.jsonb_build_object('query', n)
    when k.entity_type = 'person' then pg_catalog.jsonb_build_object(
      'linkedin_url', ${PERSON_LINKEDIN('n')}, 'work_email', 'P' || n || '@C' || n || '.example ')
    else pg_catalog.jsonb_build_object(
      'company_domain', 'https://www.c' || n || '.example/about',
      'linkedin_url', ${COMPANY_LINKEDIN('n')} || '/') end,
  case when n % 4 = 0 then pg_catalog.jsonb_build_object(
    'canonical_name', 'Company ' || n, 'token', 'provider-token-' || n) end,
  ${WRITTEN_AT('n', '$2::bigint')}, ${WRITTEN_AT('n', '$2::bigint')}
from pg_catalog.generate_series(1, $2::bigint) n
cross join lateral (
  select case when n % 20 = 0 then 'job' when n % 5 = 1 then 'person' else 'company' end
    as entity_type offset 0) k`,
  },
  {
    count: 'runs',
    sql: `insert into ops.operation_attempts
  (id, run_id, provider, action, status, skip_reason, http_status, provider_status, duration_ms,
   raw_response, created_at)
select extensions.uuid_generate_v5(extensions.uuid_ns_url(), 'attempt/' || n || '/' || a),
  extensions.uuid_generate_v5(extensions.uuid_ns_url(), 'run/' || n),
  (array['prospeo', 'blitzapi', 'icypeas', 'leadmagic'])[a], 'enrich_company', s.status,
  case when s.status = 'skipped' then 'missing_api_key' end,
  case when s.status <> 'skipped' then 200 + 229 * (n % 2) end,
  case when s.status = 'failed' then 'http_error' end,
  case when s.status <> 'skipped' then n % 3000 end,
  case when s.status <> 'skipped' then pg_catalog.jsonb_build_object(
    'body', pg_catalog.repeat('r', 100), 'api_key', 'provider-key-' || n) end,
  ${WRITTEN_AT('n', '$2::bigint')} + interval '40 milliseconds'
from pg_catalog.generate_series(1, $2::bigint) n
cross join lateral pg_catalog.generate_series(1, n % 5) a
cross join lateral (
  select (array['skipped', 'failed', 'not_found', 'found', 'verified'])[1 + (n + a) % 5] as status
  offset 0) s
where $1::bigint > 0`,
  },
]

/**
 * Fills an empty live shape: once, since ids follow from the size's numbers. In one transaction per
 * statement, as fast as the server inserts.
 */
export async function fillLiveShape(client: pg.ClientBase, size: LiveShapeSize): Promise<void> {
  for (const { sql, count } of STATEMENTS) {
    await client.query(sql, [size.orgs, size[count]])
  }
  await client.query('analyze')
}
