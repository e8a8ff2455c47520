import { randomBytes } from 'node:crypto'
import { transactAsWriter } from '@hq-export/hq-ingest/db/transact-as-writer.ts'
import { addKey, type KeyTerms, lockKeys } from '@hq-export/hq-ingest/keys/add-key.ts'
import { createHmacMaterial } from '@hq-export/hq-ingest/keys/key-material.ts'
import { type MasterKey, parseMasterKey } from '@hq-export/hq-ingest/keys/master-key.ts'
import { SOURCE } from './ingest-client.ts'

/** A fresh value of INGEST_MASTER_KEY. */
export function createMasterKeyText(): string {
  return randomBytes(32).toString('base64')
}

/** Master key of every test that does not care. */
export const MASTER_KEY_TEXT = createMasterKeyText()
export const MASTER_KEY = parseMasterKey(MASTER_KEY_TEXT)

/** Terms of a key that may do everything at once and for ever, `given` on top. */
export function keyTerms(given: Partial<KeyTerms> = {}): KeyTerms {
  return {
    source: SOURCE,
    label: null,
    orgs: null,
    datasets: null,
    requestsPerMinute: null,
    bytesPerMinute: null,
    notBefore: null,
    notAfter: null,
    ...given,
  }
}

/** Adds an HMAC key to HQ, as `keys add` does. */
export async function addStoredKey(
  databaseUrl: string,
  given: Partial<KeyTerms> = {},
  masterKey: MasterKey = MASTER_KEY,
): Promise<{ readonly id: string; readonly secret: string }> {
  const terms = keyTerms(given)
  const material = createHmacMaterial(terms.source, masterKey)
  if (material.kind !== 'hmac') throw new Error(`made a key of kind ${material.kind}`)
  const addition = await transactAsWriter(databaseUrl, async (client) => {
    await lockKeys(client)
    return addKey(client, material, terms, { actor: 'test' })
  })
  if (addition.kind !== 'added') throw new Error(`the key is not added: ${addition.kind}`)
  return { id: material.id, secret: material.secret }
}
