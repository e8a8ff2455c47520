import type { Dataset, Finding } from '@hq-export/contract'
import type pg from 'pg'

// Of runs that are proven since, what was sent has arrived; it may have been lost again.
const SENT = /* sql */ `
select distinct f ->> 'key' as key, f ->> 'source_version' as version
from hq_export.reconciliation r
cross join lateral pg_catalog.jsonb_array_elements(r.findings) f
where r.state = 'repaired' and r.proven_at is null
  and f ->> 'dataset' = $1 and f ->> 'repair' = 'sent' and f ->> 'key' = any ($2::text[])`

/**
 * Of differences those that an earlier run has sent once more at the same version, and of which
 * nobody has read since that they arrived: something in HQ takes them away again. Sent day by day
 * they would look repaired for ever.
 */
export async function readSentInVain(
  client: pg.ClientBase,
  { name }: Dataset,
  findings: readonly Finding[],
): Promise<ReadonlySet<Finding>> {
  const keys = findings.map(({ key }) => key)
  const { rows } = await client.query<{ key: string; version: string | null }>(SENT, [name, keys])
  const sent = new Set(rows.map(({ key, version }) => `${key} ${version}`))
  return new Set(findings.filter(({ key, source_version }) => sent.has(`${key} ${source_version}`)))
}
