import {
  BATCH_CONTENT_TYPE,
  HQ_CONTRACT_LOCK,
  HQ_INGEST_KEY,
  type SigningKey,
  sign,
  WEBHOOK_ID,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from '@hq-export/contract'
import { contractLockSha256 } from '@hq-export/contract/lock/current-lock.ts'

/**
 * Headers of a request to HQ with this body, as it goes on the wire.
 * @param id `webhook-id`; the same for every attempt at the same thing.
 */
export function signedHeaders(
  keys: readonly SigningKey[],
  id: string,
  body: Uint8Array,
  nowMs: number,
): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1000)
  return {
    'content-type': BATCH_CONTENT_TYPE,
    [WEBHOOK_ID]: id,
    [WEBHOOK_TIMESTAMP]: String(timestamp),
    [WEBHOOK_SIGNATURE]: sign({ id, timestamp, body }, keys),
    [HQ_INGEST_KEY]: keys.map((key) => key.id).join(' '),
    [HQ_CONTRACT_LOCK]: contractLockSha256(),
  }
}
