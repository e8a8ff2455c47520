import { zstdCompressSync } from 'node:zlib'
import { BATCHES_PATH } from '@hq-export/contract'
import { beforeAll, expect, test } from 'vitest'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  signedRequest,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import { threadMs } from '../../support/thread-ms.ts'

const COMPANIES = 'dx_company_entities_v1'
const EVENTS = 'dx_operation_events_v1'
const MIB = 1024 * 1024

let gateway: TestGateway

beforeAll(async () => {
  const site = await startSite()
  gateway = site.gateway
  return site.stop
})

test.each([
  [
    'three names that begin like a web token again and again',
    COMPANIES,
    3,
    'inserted',
    { canonical_name: '-eyJ'.repeat(900_000) },
  ],
  [
    'seven names of quotation marks',
    COMPANIES,
    7,
    'inserted',
    { canonical_name: '"'.repeat(1.1 * MIB) },
  ],
  [
    'two texts of escapes that hide nothing',
    EVENTS,
    2,
    'quarantined',
    { error_message: '\u0000'.repeat(0.65 * MIB) },
  ],
  [
    'three documents of brackets',
    EVENTS,
    3,
    'quarantined',
    { metadata_json: '['.repeat(4 * MIB - 2_000) },
  ],
] as const)(
  '%s, in some hundred bytes on the wire, keep the gateway from others for no longer than one of them takes',
  async (_, dataset, count, outcome, values) => {
    const rows = Array.from({ length: count }, () => buildRow(dataset, values))
    const request = signedRequest(JSON.stringify(buildEnvelope(dataset, rows)), {
      encode: (body) => zstdCompressSync(body),
      encoding: 'zstd',
    })
    const beganMs = threadMs()
    let longestMs = 0
    let lastMs = beganMs
    const turns = setInterval(() => {
      longestMs = Math.max(longestMs, threadMs() - lastMs)
      lastMs = threadMs()
    })
    const { counts } = await answerOf(await fetch(`${gateway.url}${BATCHES_PATH}`, request))
    clearInterval(turns)
    expect(counts[outcome]).toBe(count)
    expect(longestMs).toBeLessThan(1_500)
    expect(threadMs() - beganMs).toBeLessThan(4_000)
  },
)
