import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { constants, createGzip, createZstdCompress, zstdCompressSync } from 'node:zlib'
import { LIMITS } from '@hq-export/contract'
import { expect, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  post,
  problemOf,
} from '../support/programs/ingest-client.ts'
import { spawnGateway } from '../support/programs/ingest-process.ts'
import { createHqDatabase } from '../support/servers/databases.ts'

const RUNS = 'dx_operation_runs_v1'
const MIB = 1024 * 1024
const BOMB_BYTES = 160 * MIB
const AT_ONCE = 8

function* spaces(): Generator<Buffer> {
  const piece = Buffer.alloc(MIB, ' ')
  for (let bytes = 0; bytes < BOMB_BYTES; bytes += piece.length) yield piece
}

/** Largest resident size that the process has had. */
async function peakMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

test.runIf(process.platform === 'linux')(
  'a bomb of 1000:1, gzip or zstd, is refused with 413 and costs no more memory than the limit',
  async () => {
    await using hq = await createHqDatabase()
    const { child, url } = await spawnGateway(hq.url)
    const bombs = {
      gzip: await buffer(Readable.from(spaces()).pipe(createGzip())),
      zstd: await buffer(Readable.from(spaces()).pipe(createZstdCompress())),
    }
    // Whatever a frame asks for is allocated before its first byte comes out.
    const params = { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_compressionLevel]: 1 }
    const window = await buffer(Readable.from(spaces()).pipe(createZstdCompress({ params })))
    await deliver(url, buildEnvelope(RUNS, [buildRow(RUNS)]))
    const before = await peakMemory(child.pid)
    const declared = zstdCompressSync(Buffer.alloc(BOMB_BYTES, ' '))
    const more = [window, declared].map((bomb) => ['zstd', bomb] as const)
    for (const [encoding, bomb] of [...Object.entries(bombs), ...more]) {
      expect(BOMB_BYTES / bomb.length).toBeGreaterThan(900)
      const answers = Array.from({ length: AT_ONCE }, (_, i) =>
        post(url, bomb, { id: `bomb-${i}`, encoding }),
      )
      for (const answer of await Promise.all(answers)) {
        expect(await problemOf(answer)).toMatchObject({ status: 413, code: 'too_large' })
      }
    }
    const grown = (await peakMemory(child.pid)) - before
    expect(grown).toBeLessThan(AT_ONCE * LIMITS.maxDecodedBytes + 64 * MIB)
    expect((await deliver(url, buildEnvelope(RUNS, [buildRow(RUNS)]))).counts.inserted).toBe(1)
  },
)
