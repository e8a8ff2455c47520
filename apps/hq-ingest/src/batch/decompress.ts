import { promisify } from 'node:util'
import { constants, gunzip, zstdDecompress } from 'node:zlib'
import { type ContentEncoding, LIMITS } from '@hq-export/contract'
import { Refusal } from '../refusal.ts'

const inflate = { gzip: promisify(gunzip), zstd: promisify(zstdDecompress) } as const

/** Bytes of the buffers that a body is unpacked into: a few large ones instead of one per 16 kB. */
const MAX_CHUNK_BYTES = 1024 * 1024
const MIN_CHUNK_BYTES = 16 * 1024
/** Our JSON is packed to about a seventh. */
const USUAL_RATIO = 8

function chunkBytes(wireBytes: number): number {
  return Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, wireBytes * USUAL_RATIO))
}

/** A frame may ask for a window of 128 MiB, whatever it holds; none needs more than the largest body. */
const ZSTD_PARAMS = {
  [constants.ZSTD_d_windowLogMax]: Math.ceil(Math.log2(LIMITS.maxDecodedBytes)),
}

const TOO_LARGE_CODES: readonly unknown[] = [
  'ERR_BUFFER_TOO_LARGE',
  'ZSTD_error_frameParameter_windowTooLarge',
]

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && TOO_LARGE_CODES.includes(error.code)
}

function tooLarge(maxBytes: number, cause?: unknown): Refusal {
  const detail = `the decompressed body must not have more than ${maxBytes} bytes`
  return new Refusal('too_large', detail, { cause })
}

/**
 * Undoes the one coding of the body; stops at the limit, however small the compressed body is.
 * @throws {Refusal} `too_large` (413) or `invalid_envelope` (400) for a corrupt body.
 */
export async function decompress(
  wire: Buffer,
  encoding: ContentEncoding | 'identity',
  maxBytes: number,
): Promise<Buffer> {
  if (encoding === 'identity') {
    if (wire.length > maxBytes) throw tooLarge(maxBytes)
    return wire
  }
  try {
    return await inflate[encoding](wire, {
      maxOutputLength: maxBytes,
      chunkSize: chunkBytes(wire.length),
      params: encoding === 'zstd' ? ZSTD_PARAMS : undefined,
    })
  } catch (cause) {
    if (isTooLarge(cause)) throw tooLarge(maxBytes, cause)
    throw new Refusal('invalid_envelope', `the body is not ${encoding}`, { cause })
  }
}
