import { randomUUID } from 'node:crypto'
import { datasetByName } from '@hq-export/contract'
import { compareRows } from '@hq-export/hq-ingest/apply/compare-rows.ts'
import { upsertRows, type VersionedDataset } from '@hq-export/hq-ingest/apply/upsert-rows.ts'
import { createPool } from '@hq-export/hq-ingest/db/connect.ts'
import { expect, test } from 'vitest'
import { createHqDatabase } from '../../support/servers/databases.ts'

const BATCHES = 128
const ROWS = 50
const LARGE_ORG = 2_000
const AT = '2026-03-01T00:00:00Z'

/** A company as an upsert takes it. */
function companyRow(index: number, orgId: string, version = '1', entityId = randomUUID()) {
  return {
    index,
    key: `${orgId}/${entityId}`,
    row: {
      export_schema_version: 'v1',
      org_id: orgId,
      company_id: orgId,
      entity_id: entityId,
      record_version: version,
      created_at: AT,
      updated_at: AT,
    },
    xid: '1',
    capturedAt: AT,
    deleted: false,
    extra: null,
  }
}

test('a first load of one org looks no entity up among all that the org has, though its plan was made while HQ was empty', async () => {
  await using database = await createHqDatabase()
  const pool = createPool(database.url, 1)
  // The pool has ended before its session has: dropping the database may end that one first.
  pool.on('error', () => {})
  const client = await pool.connect()
  const dataset = datasetByName('dx_company_entities_v1') as VersionedDataset
  const orgId = randomUUID()
  try {
    for (let batch = 0; batch < BATCHES; batch++) {
      const rows = Array.from({ length: ROWS }, (_, index) => companyRow(index, orgId))
      const { inserted } = await upsertRows(client, dataset, rows, {
        source: 'data-engine-x',
        batch: `batch-${batch}`,
        epoch: undefined,
      })
      expect(inserted).toBe(ROWS)
    }
    await client.query('select pg_stat_force_next_flush()')
    const { rows } = await client.query<{ read: number }>(
      `select sum(idx_tup_read)::int as read from pg_stat_user_indexes
       where schemaname = 'hq' and relname = 'dx_company_entities_v1'`,
    )
    // Of each batch 16 rows are looked up: among all rows of the org that would be 6.5 million, by
    // their keys alone it is nearly none.
    expect(rows[0]?.read).toBeLessThan(1_000_000)
  } finally {
    client.release()
    await pool.end()
  }
})

test('rows are reached by their key, though PostgreSQL has learned that every org has one', async () => {
  await using database = await createHqDatabase()
  const pool = createPool(database.url, 1)
  pool.on('error', () => {})
  const client = await pool.connect()
  const owner = await database.connect()
  const dataset = datasetByName('dx_company_entities_v1') as VersionedDataset
  const origin = { source: 'data-engine-x', batch: 'b', epoch: undefined }
  try {
    const small = Array.from({ length: 30 }, (_, index) => companyRow(index, randomUUID()))
    await upsertRows(client, dataset, small, origin)
    await owner.query('analyze hq.dx_company_entities_v1')
    const orgId = randomUUID()
    const large = Array.from({ length: LARGE_ORG }, (_, i) => companyRow(i, orgId, '2'))
    await upsertRows(client, dataset, large, origin)
    const stale = large.map(({ row }, i) => companyRow(i, orgId, '1', row.entity_id))
    expect(await upsertRows(client, dataset, stale, origin)).toMatchObject({ written: 0 })
    const comparisons = await compareRows(client, dataset, stale)
    expect(comparisons.filter(({ relation }) => relation === 'older')).toHaveLength(LARGE_ORG)
    await client.query('select pg_stat_force_next_flush()')
    const { rows } = await client.query<{ read: number }>(
      `select sum(idx_tup_read)::int as read from pg_stat_user_indexes
       where schemaname = 'hq' and relname = 'dx_company_entities_v1'`,
    )
    // By the org they would be four million.
    expect(rows[0]?.read).toBeLessThan(20_000)
  } finally {
    client.release()
    await pool.end()
  }
})
