import type pg from 'pg'
import { recordAudit } from '../db/record-audit.ts'
import type { MasterKey } from './master-key.ts'
import { openSecret, sealSecret } from './seal-secret.ts'

/**
 * Ids of the keys that are sealed anew, and of those that none of the master keys opens: they stay
 * as they are.
 */
export interface Reencryption {
  readonly sealed: readonly string[]
  readonly unopened: readonly string[]
}

const SELECT = `
  select id, source, master_key_id, nonce, sealed_secret from ingest.key
  where kind = 'hmac' and master_key_id <> $1 order by id`

const UPDATE =
  'update ingest.key set master_key_id = $2, nonce = $3, sealed_secret = $4 where id = $1'

interface SealedRow {
  readonly id: string
  readonly source: string
  readonly master_key_id: string
  readonly nonce: Buffer
  readonly sealed_secret: Buffer
}

/**
 * Seals every secret with the first of `masterKeys`, under the lock of `lockKeys`. The secrets stay
 * the same.
 */
export async function reencryptKeys(
  client: pg.ClientBase,
  masterKeys: readonly [MasterKey, ...MasterKey[]],
  actor: string | undefined,
): Promise<Reencryption> {
  const [current] = masterKeys
  const { rows } = await client.query<SealedRow>(SELECT, [current.id])
  const sealedIds: string[] = []
  const unopened: string[] = []
  for (const row of rows) {
    const { id, master_key_id: masterKeyId, nonce, sealed_secret: sealed } = row
    const opened = openSecret({ masterKeyId, nonce, sealed }, row, masterKeys)
    if (opened.kind !== 'opened') {
      unopened.push(id)
      continue
    }
    const anew = sealSecret(opened.secret, row, current)
    await client.query(UPDATE, [id, anew.masterKeyId, anew.nonce, anew.sealed])
    const detail = { from: masterKeyId, to: current.id }
    await recordAudit(client, { actor, action: 'key.reencrypt', subject: id, detail })
    sealedIds.push(id)
  }
  return { sealed: sealedIds, unopened }
}
