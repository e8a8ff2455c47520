import {
  BATCH_CONTENT_TYPE,
  BATCHES_PATH,
  batchResultSchema,
  parseSigningKey,
  sign,
  WEBHOOK_ID,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from '@hq-export/contract'
import { Pool } from 'undici'
import type { RunningGateway } from '../programs/pipeline.ts'
import { WrongResultError } from '../scenario.ts'
import type { WireBatch } from './wire-batches.ts'

/** Posts under way at once, as many as the relay's. */
export const IN_FLIGHT = 4

/**
 * Posts batches, signed, a few at once; resolves when all are answered.
 * @throws {WrongResultError} unless every row was inserted or updated.
 */
export async function postBatches(
  gateway: RunningGateway,
  batches: readonly WireBatch[],
  signal: AbortSignal,
): Promise<void> {
  const keys = [parseSigningKey(gateway.secret)]
  const pool = new Pool(gateway.url, { connections: IN_FLIGHT })
  const waiting = batches.values()

  async function post({ id, bytes, rowCount }: WireBatch): Promise<void> {
    const timestamp = Math.floor(Date.now() / 1000)
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: BATCHES_PATH,
      headers: {
        'content-type': BATCH_CONTENT_TYPE,
        'content-encoding': 'zstd',
        [WEBHOOK_ID]: id,
        [WEBHOOK_TIMESTAMP]: String(timestamp),
        [WEBHOOK_SIGNATURE]: sign({ id, timestamp, body: bytes }, keys),
      },
      body: bytes,
      signal,
    })
    const text = await body.text()
    if (statusCode !== 200)
      throw new WrongResultError(`the gateway answered ${statusCode}: ${text}`)
    const { counts } = batchResultSchema.parse(JSON.parse(text))
    if (counts.inserted + counts.updated !== rowCount) {
      throw new WrongResultError(`of ${rowCount} rows: ${JSON.stringify(counts)}`)
    }
  }
  // The iterator is shared: each sender takes the next batch.
  async function send(): Promise<void> {
    for (const batch of waiting) await post(batch)
  }
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, send))
  } finally {
    await pool.destroy()
  }
}
