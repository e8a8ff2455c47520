import { promisify } from 'node:util'
import { constants, gunzip, zstdDecompress } from 'node:zlib'
import { type ContentEncoding, LIMITS } from '@hq-export/contract'
import { Refusal } from '../refusal/refusal.ts'
import { declaredSize } from './declared-size.ts'

const inflate = { gzip: promisify(gunzip), zstd: promisify(zstdDecompress) } as const

const MIN_BUFFER_BYTES = 16 * 1024
/**
 * Where the body does not say how large it gets, or more than it may: our JSON is packed to a
 * tenth, more or less.
 */
const MAX_GUESSED_BYTES = 1024 * 1024
const USUAL_RATIO = 8
/** A full buffer makes the decompressor ask for another, though nothing is left to put there. */
const SPARE_BYTES = 64

/** Bytes of the buffers that a body is unpacked into: one, if it is as long as it says. */
function bufferBytes(wire: Buffer, encoding: ContentEncoding, maxBytes: number): number {
  const guessed = Math.min(MAX_GUESSED_BYTES, wire.length * USUAL_RATIO)
  const declared = declaredSize(wire, encoding) ?? Number.POSITIVE_INFINITY
  const bytes = (declared <= maxBytes ? declared : guessed) + SPARE_BYTES
  return Math.min(maxBytes, Math.max(MIN_BUFFER_BYTES, bytes))
}

/**
 * A frame may ask for a window of 128 MiB, whatever it holds; none needs more than the largest
 * body.
 */
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
      chunkSize: bufferBytes(wire, encoding, maxBytes),
      params: encoding === 'zstd' ? ZSTD_PARAMS : undefined,
    })
  } catch (cause) {
    if (isTooLarge(cause)) throw tooLarge(maxBytes, cause)
    throw new Refusal('invalid_envelope', `the body is not ${encoding}`, { cause })
  }
}
