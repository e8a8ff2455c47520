import type pg from 'pg'
import { recordAudit } from '../db/record-audit.ts'
import { type Addition, addKey } from './add-key.ts'
import type { KeyMaterial } from './key-material.ts'
import { type ListedKey, listKeys } from './list-keys.ts'

/** Which key to replace: the one, or the only one of a source that is active without an end. */
export type Rotated = { readonly source: string } | { readonly id: string }

/** The key that will be replaced, or why there is none to choose. */
export type RotationChoice =
  | { readonly kind: 'chosen'; readonly key: ListedKey }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly ids: readonly string[] }

// Never later than it would have ended anyway.
const RETIRE = `
  update ingest.key
  set not_after = least(not_after,
    pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $2))
  where id = $1`

/** Finds the key that a rotation replaces. */
export async function chooseRotated(
  client: pg.ClientBase,
  rotated: Rotated,
): Promise<RotationChoice> {
  const keys = await listKeys(client, 'source' in rotated ? rotated.source : undefined)
  const [key, ...others] = keys.filter(({ id, state }) =>
    'id' in rotated ? id === rotated.id && isRotatable(state) : state === 'active',
  )
  if (key === undefined) return { kind: 'none' }
  if (others.length > 0) return { kind: 'several', ids: [key, ...others].map(({ id }) => id) }
  return { kind: 'chosen', key }
}

function isRotatable(state: ListedKey['state']): boolean {
  return state === 'active' || state === 'retiring'
}

/**
 * Adds a key with the terms of `old`, active at once and without end, and ends `old` after the
 * overlap.
 */
export async function rotateKey(
  client: pg.ClientBase,
  old: ListedKey,
  material: KeyMaterial,
  options: { readonly actor: string | undefined; readonly overlapSeconds: number },
): Promise<Addition> {
  const { actor, overlapSeconds } = options
  const { source, label, orgs, datasets, requestsPerMinute, bytesPerMinute } = old
  const addition = await addKey(
    client,
    material,
    {
      source,
      label,
      orgs,
      datasets,
      requestsPerMinute,
      bytesPerMinute,
      notBefore: null,
      notAfter: null,
    },
    { actor, replaces: old.id },
  )
  if (addition.kind !== 'added') return addition
  await client.query(RETIRE, [old.id, overlapSeconds])
  const detail = { source, successor: material.id, overlapSeconds }
  await recordAudit(client, { actor, action: 'key.rotate', subject: old.id, detail })
  return addition
}
