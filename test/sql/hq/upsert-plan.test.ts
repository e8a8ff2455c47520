import { randomUUID } from 'node:crypto'
import { datasetByName } from '@hq-export/contract'
import { upsertRows, type VersionedDataset } from '@hq-export/hq-ingest/apply/upsert-rows.ts'
import { createPool } from '@hq-export/hq-ingest/db/connect.ts'
import { expect, test } from 'vitest'
import { createHqDatabase } from '../../support/servers/databases.ts'

const BATCHES = 128
const ROWS = 50

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
      const rows = Array.from({ length: ROWS }, (_, index) => {
        const entityId = randomUUID()
        const at = '2026-03-01T00:00:00Z'
        return {
          index,
          key: `${orgId}/${entityId}`,
          row: {
            export_schema_version: 'v1',
            org_id: orgId,
            company_id: orgId,
            entity_id: entityId,
            record_version: '1',
            created_at: at,
            updated_at: at,
          },
          xid: '1',
          capturedAt: at,
          deleted: false,
          extra: null,
        }
      })
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
