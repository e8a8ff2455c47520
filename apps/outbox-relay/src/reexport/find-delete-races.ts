import type { BatchResult } from '@hq-export/contract'
import type pg from 'pg'
import type { Batch } from '../batch/batch.ts'
import { rowsAt } from '../batch/open-batch.ts'
import type { DeleteRace } from '../outbox/delete-race.ts'

// An insert that sees the delete before it clears deleted_at in its own transaction; one that was
// captured after the key was noted as deleted, while it still is, did not see it.
const NOTED_AS_DELETED = /* sql */ `
select c.n::int as position
from rows from (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::timestamptz[]))
  with ordinality as c(key, captured_at, n)
where exists (
  select from hq_export.version_base b
  where b.dataset = $1 and b.key = c.key and b.deleted_at <= c.captured_at
)`

const ANY_DELETED = /* sql */ `
select exists (
  select from hq_export.version_base b
  where b.dataset = $1 and b.key = any ($2::text[]) and b.deleted_at is not null
) as found`

/**
 * Finds the rows of a batch that HQ did not take because it has the delete of their key, although
 * they were captured after it. Costs nothing for a batch of which HQ took every row; the batch is
 * looked into only where one of these keys is noted as deleted.
 */
export async function findDeleteRaces(
  client: pg.ClientBase,
  batch: Batch,
  answer: BatchResult,
): Promise<DeleteRace[]> {
  const { number, versionColumn } = batch.dataset
  if (versionColumn === undefined) return []
  const old = answer.rows.filter(({ outcome }) => outcome === 'stale' || outcome === 'superseded')
  if (old.length === 0) return []
  const keys = old.map(({ key }) => key)
  const { rows } = await client.query<{ found: boolean }>(ANY_DELETED, [number, keys])
  if (!rows[0]?.found) return []

  const captured = rowsAt(
    batch,
    old.map(({ index }) => index),
  ).flatMap((row) => row ?? [])
  const values = [number, captured.map(({ key }) => key), captured.map((row) => row.capturedAt)]
  const noted = await client.query<{ position: number }>(NOTED_AS_DELETED, values)
  return noted.rows.flatMap(({ position }) => {
    const { key = null, body = null } = captured[position - 1] ?? {}
    if (key === null || body === null) return []
    const contractRow: Record<string, string> = JSON.parse(body)
    return [{ dataset: number, key, version: contractRow[versionColumn] ?? '0' }]
  })
}
