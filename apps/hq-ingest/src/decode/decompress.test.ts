import { promisify } from 'node:util'
import { gzipSync, zstdCompress, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decompress } from './decompress.ts'

const MAX_BYTES = 2_000_000
const BODY = Buffer.alloc(1_400_000, '{"row":{}},')

test.each([
  ['zstd that declares its size', 'zstd', zstdCompressSync(BODY)],
  ['zstd that does not', 'zstd', await promisify(zstdCompress)(BODY)],
  ['gzip', 'gzip', gzipSync(BODY)],
] as const)('%s is unpacked', async (_, encoding, wire) => {
  expect((await decompress(wire, encoding, MAX_BYTES)).equals(BODY)).toBe(true)
})

test.each([
  ['zstd', zstdCompressSync(BODY)],
  ['gzip', gzipSync(BODY)],
] as const)(
  '%s of more than the limit is too large, whether it says so or not',
  async (encoding, wire) => {
    const refused = { code: 'too_large' }
    await expect(decompress(wire, encoding, BODY.length - 1)).rejects.toMatchObject(refused)
    await expect(decompress(wire, encoding, BODY.length)).resolves.toHaveLength(BODY.length)
  },
)

test('a size that is a lie makes a body corrupt, and no larger', async () => {
  const refused = { code: 'invalid_envelope' }
  const gzip = gzipSync(BODY)
  gzip.writeUInt32LE(5, gzip.length - 4)
  await expect(decompress(gzip, 'gzip', MAX_BYTES)).rejects.toMatchObject(refused)
  const zstd = zstdCompressSync(BODY)
  zstd.writeUInt32LE(1_300_000, zstd.indexOf(Buffer.from([0xc0, 0x5c, 0x15, 0x00])))
  await expect(decompress(zstd, 'zstd', MAX_BYTES)).rejects.toMatchObject(refused)
})
