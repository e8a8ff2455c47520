import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'

// Whoever holds the key is deleting or changing it now, notes it himself, and exports above what we
// send: not waited for.
const REVIVE = /* sql */ `
update hq_export.version_base b set deleted_at = null
from (
  select l.dataset, l.key from hq_export.version_base l
  where l.dataset = $1 and l.key = $2
  for update skip locked
) l
where b.dataset = l.dataset and b.key = l.key`

/** Notes of a key, in the open transaction, that it is not deleted any more. */
export async function revive(client: pg.ClientBase, dataset: Dataset, key: string): Promise<void> {
  await client.query(REVIVE, [dataset.number, key])
}
