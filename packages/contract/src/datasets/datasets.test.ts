import { describe, expect, it } from 'vitest'
import type { Dataset } from './dataset.ts'
import { columnOf, DATASETS, datasetByName, datasetByNumber, isDatasetName } from './datasets.ts'
import { projectionOf } from './projection.ts'

/*
 * The contract as it was handed to us, written down a second time and by hand: `?` is nullable. Ids
 * are `uuid/text` there and `uuid` here, `bigint/int` is `int8`, `int` is `int4`.
 */
const CONTRACT: Record<string, { columns: string; primaryKey: string; guard?: string }> = {
  dx_operation_runs_v1: {
    columns: `
      export_schema_version text, run_id uuid, pipeline_run_id uuid?, workflow_id text?,
      operation_id text, action_id text, entity_type text, entity_id uuid, org_id uuid,
      company_id uuid?, source_provider text?, status text, attempt_count int4,
      started_at timestamptz, ended_at timestamptz?, duration_ms int4?, cost_usd numeric?,
      error_code text?, error_message text?, created_at timestamptz`,
    primaryKey: 'run_id',
  },
  dx_operation_events_v1: {
    columns: `
      export_schema_version text, event_id uuid, run_id uuid, event_type text, event_sequence int4,
      occurred_at timestamptz, org_id uuid, company_id uuid?, entity_type text, entity_id uuid,
      provider text?, http_status int4?, raw_request_ref text?, raw_response_ref text?,
      payload_hash text?, error_code text?, error_message text?, metadata_json jsonb?`,
    primaryKey: 'event_id',
    guard: 'run_id, event_sequence',
  },
  dx_company_entities_v1: {
    columns: `
      export_schema_version text, org_id uuid, company_id uuid, entity_id uuid,
      canonical_name text?, canonical_domain text?, linkedin_url text?, linkedin_page_id text?,
      industry text?, employee_count int4?, revenue_band text?, hq_country text?,
      enrichment_confidence numeric?, last_enriched_at timestamptz?, last_operation_id text?,
      last_run_id uuid?, source_priority text?, record_version int8, updated_at timestamptz`,
    primaryKey: 'org_id, entity_id',
  },
  dx_person_entities_v1: {
    columns: `
      export_schema_version text, org_id uuid, company_id uuid?, entity_id uuid, full_name text?,
      first_name text?, last_name text?, linkedin_url text?, title text?, seniority text?,
      department text?, work_email text?, email_status text?, phone_e164 text?,
      contact_confidence numeric?, last_enriched_at timestamptz?, last_operation_id text?,
      last_run_id uuid?, record_version int8, updated_at timestamptz`,
    primaryKey: 'org_id, entity_id',
  },
  dx_entity_snapshots_v1: {
    columns: `
      export_schema_version text, snapshot_id uuid, org_id uuid, entity_type text, entity_id uuid,
      record_version int8, canonical_payload_json jsonb, captured_at timestamptz,
      source_run_id uuid?`,
    primaryKey: 'snapshot_id',
    guard: 'org_id, entity_type, entity_id, record_version',
  },
}

const list = (text: string) => text.split(',').map((entry) => entry.trim())

describe('the datasets of the contract', () => {
  it('are the five of the contract, in its order', () => {
    expect(DATASETS.map(({ name }) => name)).toEqual(Object.keys(CONTRACT))
  })

  it('have a number of their own, which never changes', () => {
    expect(DATASETS.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
  })

  it('are append-only, but for the two entity snapshots', () => {
    expect(
      DATASETS.filter(({ semantics }) => semantics === 'upsert').map(({ name }) => name),
    ).toEqual(['dx_company_entities_v1', 'dx_person_entities_v1'])
  })

  it('are found by name and by number', () => {
    for (const dataset of DATASETS) {
      expect(datasetByName(dataset.name)).toBe(dataset)
      expect(datasetByNumber(dataset.number)).toBe(dataset)
      expect(isDatasetName(dataset.name)).toBe(true)
    }
  })

  it('do not include what is not in the contract', () => {
    expect(isDatasetName('dx_heartbeat_v1')).toBe(false)
    expect(isDatasetName('toString')).toBe(false)
    expect(() => datasetByName('dx_heartbeat_v1')).toThrow(RangeError)
    expect(() => datasetByNumber(0)).toThrow(RangeError)
    expect(() => columnOf(DATASETS[0], 'toString')).toThrow(RangeError)
  })
})

describe.each(DATASETS.map((dataset): [string, Dataset] => [dataset.name, dataset]))(
  '%s',
  (name, dataset) => {
    const contract = CONTRACT[name]

    it("has the contract's columns, types and nullability, in its order", () => {
      const columns = dataset.columns
        .filter(({ additive }) => !additive)
        .map((column) => `${column.name} ${column.type}${column.nullable ? '?' : ''}`)
      expect(columns).toEqual(list(contract?.columns ?? ''))
    })

    it("has the contract's keys", () => {
      expect(dataset.primaryKey).toEqual(list(contract?.primaryKey ?? ''))
      expect(dataset.uniquenessGuard).toEqual(contract?.guard && list(contract.guard))
    })

    it('begins with export_schema_version, always v1', () => {
      expect(dataset.columns[0]).toMatchObject({
        name: 'export_schema_version',
        nullable: false,
        values: ['v1'],
      })
    })

    it('has every column once', () => {
      const names = dataset.columns.map((column) => column.name)
      expect(new Set(names).size).toBe(names.length)
    })

    it('knows every column that it names as key, guard, version, time, stable key or tenant', () => {
      for (const column of [
        'org_id',
        ...dataset.primaryKey,
        ...(dataset.uniquenessGuard ?? []),
        ...(dataset.versionColumn ? [dataset.versionColumn] : []),
        dataset.timeColumn,
        ...dataset.stableKeyColumns,
      ]) {
        expect(columnOf(dataset, column)).toMatchObject({ name: column, nullable: false })
      }
    })

    it('links to primary keys, column by column of their types', () => {
      const typesOf = (of: Dataset, names: readonly string[]) =>
        names.map((each) => columnOf(of, each).type)
      for (const { columns, to } of dataset.links ?? []) {
        const target = datasetByName(to)
        expect(typesOf(dataset, columns)).toEqual(typesOf(target, target.primaryKey))
      }
    })

    it('has what it says of the version before it', () => {
      if (dataset.follows === undefined) return
      const { renamed } = dataset.follows
      const pairs = projectionOf(datasetByName(dataset.follows.dataset), dataset)
      expect(pairs.map(({ to }) => to.name)).toEqual(expect.arrayContaining(Object.keys(renamed)))
    })

    it('has the types that a version and a time need', () => {
      expect(columnOf(dataset, dataset.timeColumn).type).toBe('timestamptz')
      if (dataset.versionColumn !== undefined) {
        expect(columnOf(dataset, dataset.versionColumn).type).toBe('int8')
      }
    })

    it('has a version column if and only if it is upserted', () => {
      expect(dataset.versionColumn !== undefined).toBe(dataset.semantics === 'upsert')
    })

    it('checks the parity of its whole primary key', () => {
      expect(dataset.stableKeyColumns).toEqual(expect.arrayContaining([...dataset.primaryKey]))
    })

    it('watches nullable columns of its own for null rates', () => {
      for (const column of dataset.criticalFields.flatMap(({ anyOf }) => anyOf.flat())) {
        expect(columnOf(dataset, column).nullable).toBe(true)
      }
    })

    it('adds columns only as nullable ones, after the frozen ones', () => {
      const additive = dataset.columns.findIndex((column) => column.additive)
      if (additive === -1) return
      for (const column of dataset.columns.slice(additive)) {
        expect(column).toMatchObject({ additive: true, nullable: true })
      }
    })

    it("has the contract's default cadence", () => {
      expect(dataset.cadence).toEqual({ microBatchMinutes: [5, 15], reconciliation: 'daily' })
    })
  },
)

describe('closed sets', () => {
  const closed = DATASETS.flatMap(({ name, columns }) =>
    columns.flatMap((column) => ('values' in column ? [[name, column.name, column.values]] : [])),
  )

  it('are exactly those of the contract; event_type is open', () => {
    const entityTypes = ['company', 'person']
    expect(closed.filter(([, column]) => column !== 'export_schema_version')).toEqual([
      ['dx_operation_runs_v1', 'entity_type', entityTypes],
      ['dx_operation_runs_v1', 'status', ['succeeded', 'failed', 'skipped', 'canceled']],
      ['dx_operation_events_v1', 'entity_type', entityTypes],
      ['dx_entity_snapshots_v1', 'entity_type', entityTypes],
    ])
  })
})

describe('the quality checks', () => {
  it.each(DATASETS.map((dataset): [string, Dataset] => [dataset.name, dataset]))(
    'look at columns that %s has, of the types that they need',
    (_, dataset) => {
      const { openSets, spans, nonNegative, distribution, sequence } = dataset.quality
      for (const name of openSets) {
        expect(columnOf(dataset, name)).toMatchObject({ type: 'text' })
        expect(columnOf(dataset, name).values).toBeUndefined()
      }
      for (const name of spans.flatMap(({ start, end }) => [start, end])) {
        expect(columnOf(dataset, name).type).toBe('timestamptz')
      }
      for (const name of nonNegative) {
        expect(['int4', 'int8', 'numeric']).toContain(columnOf(dataset, name).type)
      }
      if (distribution !== undefined) {
        expect(columnOf(dataset, distribution.column).values).toContain(distribution.bad)
        for (const name of distribution.by) expect(columnOf(dataset, name).type).toBe('text')
      }
      if (sequence !== undefined) {
        expect(columnOf(dataset, sequence.column).type).toBe('int4')
        expect(dataset.links?.map(({ columns }) => columns)).toContainEqual([sequence.parent])
      }
    },
  )

  it('bound the share of rows without a critical field', () => {
    for (const { ceilingPercent } of DATASETS.flatMap((dataset) => [...dataset.criticalFields])) {
      expect(ceilingPercent).toBeGreaterThan(0)
      expect(ceilingPercent).toBeLessThan(100)
    }
  })
})

describe('critical fields', () => {
  it('are those of the contract', () => {
    const fields = DATASETS.flatMap(({ name, criticalFields }) =>
      criticalFields.map(({ anyOf }) => [name, anyOf]),
    )
    expect(fields).toEqual([
      ['dx_company_entities_v1', [['canonical_domain']]],
      ['dx_company_entities_v1', [['canonical_name']]],
      ['dx_person_entities_v1', [['full_name'], ['first_name', 'last_name']]],
    ])
  })
})
