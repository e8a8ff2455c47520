import { promisify } from 'node:util'
import { constants, gzip, zstdCompress } from 'node:zlib'
import type { ContentEncoding } from '@hq-export/contract'

const gzipBytes = promisify(gzip)
const zstdBytes = promisify(zstdCompress)

/** `RELAY_COMPRESSION`. */
export type Compression = ContentEncoding | 'none'

/**
 * Level 1 of both codecs: on JSON rows it halves nothing that a higher level would not cost more in
 * CPU than it saves in bytes.
 */
const LEVEL = 1

/**
 * A smaller body fits into TCP's first window (RFC 6928), and both sides would pass it to another
 * thread and back.
 */
const MIN_BYTES = 14 * 1024

/**
 * Our JSON packs to an eighth or less, so one buffer takes all of it: each further one is another
 * way to a thread and back.
 */
const USUAL_RATIO = 8
const MIN_CHUNK_BYTES = 16 * 1024

/** Whether a body travels as something else than its own bytes. */
export function isCompressed(body: Buffer, compression: Compression): boolean {
  return compression !== 'none' && body.length >= MIN_BYTES
}

/** A body as it goes on the wire. */
export interface WireBody {
  readonly bytes: Buffer
  readonly contentEncoding: ContentEncoding | undefined
}

/** Compresses off the main thread, where that is worth it. */
export async function compress(body: Buffer, compression: Compression): Promise<WireBody> {
  if (!isCompressed(body, compression)) return { bytes: body, contentEncoding: undefined }
  const chunkSize = Math.max(MIN_CHUNK_BYTES, Math.ceil(body.length / USUAL_RATIO))
  switch (compression) {
    case 'none':
      return { bytes: body, contentEncoding: undefined }
    case 'gzip':
      return { bytes: await gzipBytes(body, { level: LEVEL, chunkSize }), contentEncoding: 'gzip' }
    case 'zstd': {
      const params = { [constants.ZSTD_c_compressionLevel]: LEVEL }
      // The frame then says how much it unpacks to, so that the gateway takes memory once.
      const options = { params, chunkSize, pledgedSrcSize: body.length }
      return { bytes: await zstdBytes(body, options), contentEncoding: 'zstd' }
    }
    default:
      return compression satisfies never
  }
}
