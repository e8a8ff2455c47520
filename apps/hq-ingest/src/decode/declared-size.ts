import type { ContentEncoding } from '@hq-export/contract'

const ZSTD_MAGIC = 0xfd2fb528
/** Bytes of a field by the two bits that say so. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
/** What a content size of two bytes begins at. */
const TWO_BYTES_OFFSET = 256
/** Bytes of a content size that a JS number holds; nobody may declare more. */
const MAX_INTEGER_BYTES = 6

/** Frame_Content_Size of the frame header (RFC 8878, 3.1.1.1). */
function zstdContentSize(wire: Buffer): number | undefined {
  if (wire.length < 5 || wire.readUInt32LE(0) !== ZSTD_MAGIC) return undefined
  const descriptor = wire.readUInt8(4)
  const singleSegment = (descriptor & 0x20) !== 0
  const flag = descriptor >> 6
  const bytes = flag === 0 && singleSegment ? 1 : (CONTENT_SIZE_BYTES[flag] ?? 0)
  const start = 5 + (singleSegment ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0)
  if (bytes === 0 || wire.length < start + bytes) return undefined
  const size = wire.readUIntLE(start, Math.min(bytes, MAX_INTEGER_BYTES))
  return bytes === 2 ? size + TWO_BYTES_OFFSET : size
}

/** ISIZE of the trailer (RFC 1952, 2.3.1). */
function gzipContentSize(wire: Buffer): number | undefined {
  return wire.length < 18 ? undefined : wire.readUInt32LE(wire.length - 4)
}

/**
 * How many bytes a compressed body says that it unpacks to. A hint, which may lie: what bounds the
 * body is the limit that the decompressor is given.
 * @returns undefined where it does not say.
 */
export function declaredSize(wire: Buffer, encoding: ContentEncoding): number | undefined {
  return encoding === 'zstd' ? zstdContentSize(wire) : gzipContentSize(wire)
}
