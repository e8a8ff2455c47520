import type pg from 'pg'

/**
 * Where a key is in its life: `pending` before its time, `active`, `retiring` while it works with
 * an end in sight, then `expired`; `revoked` at any time. `environment`: it stands in INGEST_KEYS,
 * and HQ knows it from its use alone.
 */
export type KeyState = 'pending' | 'active' | 'retiring' | 'expired' | 'revoked' | 'environment'

/** A key as an operator sees it: everything but the key itself. Instants in ISO 8601, UTC. */
export interface ListedKey {
  readonly id: string
  readonly source: string
  readonly state: KeyState
  readonly kind: 'hmac' | 'ed25519' | null
  readonly label: string | null
  /** Null for every org, every dataset. */
  readonly orgs: readonly string[] | null
  readonly datasets: readonly string[] | null
  readonly requestsPerMinute: number | null
  readonly bytesPerMinute: number | null
  readonly createdAt: string | null
  readonly notBefore: string | null
  readonly notAfter: string | null
  readonly revokedAt: string | null
  /** To the minute; null for never. */
  readonly lastUsedAt: string | null
  /** Master key that sealed the secret. */
  readonly masterKeyId: string | null
}

const instant = (column: string) =>
  `pg_catalog.to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

const LIST = `
  select coalesce(k.id, u.key_id) as id, coalesce(k.source, u.source) as source, k.kind, k.label,
    case when k.id is null then 'environment'
         when k.revoked_at is not null then 'revoked'
         when k.not_after <= pg_catalog.clock_timestamp() then 'expired'
         when k.not_before > pg_catalog.clock_timestamp() then 'pending'
         when k.not_after is not null then 'retiring'
         else 'active' end as state,
    k.orgs::text[] as orgs, k.datasets, k.requests_per_minute as "requestsPerMinute",
    k.bytes_per_minute::float8 as "bytesPerMinute", k.master_key_id as "masterKeyId",
    ${instant('k.created_at')} as "createdAt", ${instant('k.not_before')} as "notBefore",
    ${instant('k.not_after')} as "notAfter", ${instant('k.revoked_at')} as "revokedAt",
    ${instant('u.last_used_at')} as "lastUsedAt"
  from ingest.key k full join ingest.key_use u on u.key_id = k.id
  where $1::text is null or coalesce(k.source, u.source) = $1
  order by 2, k.created_at desc nulls last, 1`

/** Every key of one source, or of all: the newest first. Reads no secret. */
export async function listKeys(
  client: pg.ClientBase,
  source?: string,
): Promise<readonly ListedKey[]> {
  return (await client.query<ListedKey>(LIST, [source ?? null])).rows
}

/** True for a key that signs now, or will. */
export function isLive({ state }: ListedKey): boolean {
  return state === 'pending' || state === 'active' || state === 'retiring'
}
