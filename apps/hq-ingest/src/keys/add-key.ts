import type pg from 'pg'
import { recordAudit } from '../db/record-audit.ts'
import type { KeyMaterial } from './key-material.ts'
import { isLive, listKeys } from './list-keys.ts'

/** What a new key may do, and when. */
export interface KeyTerms {
  readonly source: string
  readonly label: string | null
  readonly orgs: readonly string[] | null
  readonly datasets: readonly string[] | null
  readonly requestsPerMinute: number | null
  readonly bytesPerMinute: number | null
  /** ISO 8601 with offset; null for at once, and for without end. */
  readonly notBefore: string | null
  readonly notAfter: string | null
}

/** What became of a key that was to be added. */
export type Addition =
  | { readonly kind: 'added' }
  | { readonly kind: 'too_many'; readonly ids: readonly string[] }
  | { readonly kind: 'known' }

/**
 * Most keys of one source that may sign now or later: each costs every request a pass over its
 * body.
 */
export const MAX_LIVE_KEYS = 3

// Keys are added, rotated and revoked one transaction at a time, so that what was counted stays
// true. Conflicts with itself and with writes; the gateways only read and are not held up.
const LOCK = 'lock table ingest.key in share row exclusive mode'

const INSERT = `
  insert into ingest.key
    (id, source, kind, label, orgs, datasets, requests_per_minute, bytes_per_minute, not_before,
     not_after, public_key, master_key_id, nonce, sealed_secret)
  values ($1, $2, $3, $4, $5::uuid[], $6::text[], $7, $8::bigint, $9::timestamptz, $10::timestamptz,
    $11, $12, $13, $14)
  on conflict (id) do nothing`

/** Keeps every other change of keys out until the transaction ends. */
export async function lockKeys(client: pg.ClientBase): Promise<void> {
  await client.query(LOCK)
}

/** Adds a key under {@link lockKeys}; what it may write and why stands in the audit. */
export async function addKey(
  client: pg.ClientBase,
  material: KeyMaterial,
  terms: KeyTerms,
  audit: { readonly actor: string | undefined; readonly replaces?: string },
): Promise<Addition> {
  const { source, orgs, datasets, requestsPerMinute, bytesPerMinute } = terms
  const live = (await listKeys(client, source)).filter(isLive)
  if (live.length >= MAX_LIVE_KEYS) return { kind: 'too_many', ids: live.map(({ id }) => id) }
  const sealed = material.kind === 'hmac' ? material.sealed : undefined
  const { rowCount } = await client.query(INSERT, [
    material.id,
    source,
    material.kind,
    terms.label,
    orgs,
    datasets,
    requestsPerMinute,
    bytesPerMinute,
    terms.notBefore,
    terms.notAfter,
    material.kind === 'ed25519' ? material.publicKey : null,
    sealed?.masterKeyId ?? null,
    sealed?.nonce ?? null,
    sealed?.sealed ?? null,
  ])
  if (rowCount === 0) return { kind: 'known' }
  const { actor, replaces } = audit
  const detail = { ...terms, kind: material.kind, ...(replaces !== undefined && { replaces }) }
  await recordAudit(client, { actor, action: 'key.add', subject: material.id, detail })
  return { kind: 'added' }
}
