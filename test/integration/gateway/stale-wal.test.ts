import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { expect, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  send,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { createOwnDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'

test('an all-stale replay of 5,000 rows writes next to no WAL, and is answered in full from the ledger', async () => {
  // Of its own: the WAL of a server is one, and other tests write into theirs.
  const cluster = await EmbeddedCluster.start({
    name: 'stale-wal',
    settings: { autovacuum: 'off', checkpoint_timeout: '1h' },
  })
  try {
    await using hq = await createOwnDatabase(cluster.url(), (url) => hqMigrations.apply(url))
    await using gateway = await startGateway(hq.url)
    const client = await hq.connect()
    const rows = Array.from({ length: 5000 }, () => buildRow(COMPANIES, { record_version: '5' }))
    const withVersion = (record_version: string) =>
      buildEnvelope(
        COMPANIES,
        rows.map((row) => ({ ...row, record_version })),
      )
    await deliver(gateway.url, withVersion('5'), { id: 'first' })
    // Hint bits and what the ledger's pages log once are out of the way.
    await deliver(gateway.url, withVersion('3'), { id: 'warm' })

    const { rows: before } = await client.query('select pg_current_wal_insert_lsn()::text as lsn')
    const stale = withVersion('4')
    const answer = await deliver(gateway.url, stale, { id: 'stale' })
    const { rows: after } = await client.query(
      'select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::int4 as bytes',
      [before[0].lsn],
    )
    expect(answer.counts).toMatchObject({ received: 5000, stale: 5000 })
    // Ledger, commit, and a running-transactions record at most; a lock of every row would be 274
    // kB.
    expect(after[0].bytes).toBeLessThan(4_000)

    const replayed = await send(gateway.url, stale, { id: 'stale' })
    expect(replayed.headers.get('idempotent-replayed')).toBe('true')
    expect(await replayed.json()).toEqual(answer)
    expect(answer.rows[4999]).toEqual({
      index: 4999,
      key: `${rows[4999]?.org_id}/${rows[4999]?.entity_id}`,
      outcome: 'stale',
    })
  } finally {
    await cluster.remove()
  }
})
