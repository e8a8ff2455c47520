import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { declaredSize } from './declared-size.ts'

const SIZES = [0, 1, 255, 256, 257, 65_535, 65_536, 65_792, 1_400_000]

test.each(SIZES)('a frame of zstd and one of gzip tell their %i bytes', (size) => {
  const body = Buffer.alloc(size, 'row ')
  expect(declaredSize(zstdCompressSync(body), 'zstd')).toBe(size)
  expect(declaredSize(gzipSync(body), 'gzip')).toBe(size)
})

test('a frame whose writer did not know the size declares none', () => {
  // No content size, a window of 1 KiB, one raw block of the byte 'a'.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00, 0x09, 0x00, 0x00, 0x61])
  expect(declaredSize(frame, 'zstd')).toBeUndefined()
})

test('what is neither, or is cut off, declares nothing', () => {
  const frame = zstdCompressSync(Buffer.alloc(70_000, 'row '))
  expect(declaredSize(Buffer.alloc(0), 'zstd')).toBeUndefined()
  expect(declaredSize(Buffer.from('{"rows":[]}'), 'zstd')).toBeUndefined()
  expect(declaredSize(frame.subarray(0, 6), 'zstd')).toBeUndefined()
  expect(declaredSize(Buffer.alloc(4), 'gzip')).toBeUndefined()
})
