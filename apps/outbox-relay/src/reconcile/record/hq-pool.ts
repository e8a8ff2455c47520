import { Pool } from '../../http/pool.ts'

/** A digest and a page of rows; never one of those that carry batches. */
const CONNECTIONS = 2
/** More than any request is waited for. */
const REQUEST_TIMEOUT_MS = 120_000

/** Connections to HQ that reconciliations have for themselves. The caller closes them. */
export function createHqPool(ingestUrl: string): Pool {
  return new Pool(ingestUrl, {
    connections: CONNECTIONS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: REQUEST_TIMEOUT_MS,
  })
}
