import type pg from 'pg'
import { recordAudit } from '../db/record-audit.ts'
import { type ListedKey, listKeys } from './list-keys.ts'

/** What became of a key that was to be revoked. */
export type Revocation =
  | { readonly kind: 'revoked'; readonly key: ListedKey }
  | { readonly kind: 'was_revoked'; readonly key: ListedKey }
  | { readonly kind: 'environment'; readonly key: ListedKey }
  | { readonly kind: 'unknown' }

const REVOKE = 'update ingest.key set revoked_at = pg_catalog.clock_timestamp() where id = $1'

/** Takes a key back for good. Gateways stop believing it with their next look, within 5 seconds. */
export async function revokeKey(
  client: pg.ClientBase,
  id: string,
  actor: string | undefined,
): Promise<Revocation> {
  const find = async () => (await listKeys(client)).find((key) => key.id === id)
  const key = await find()
  if (key === undefined) return { kind: 'unknown' }
  if (key.state === 'environment') return { kind: 'environment', key }
  if (key.state === 'revoked') return { kind: 'was_revoked', key }
  await client.query(REVOKE, [id])
  const detail = { source: key.source, state: key.state }
  await recordAudit(client, { actor, action: 'key.revoke', subject: id, detail })
  return { kind: 'revoked', key: (await find()) ?? key }
}
