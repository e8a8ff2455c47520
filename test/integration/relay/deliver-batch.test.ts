import {
  datasetByName,
  PROBLEMS,
  type ProblemCode,
  parseSigningKey,
  problemType,
} from '@hq-export/contract'
import type { Batch } from '@hq-export/outbox-relay/batch/batch.ts'
import { DeliveryStoppedError } from '@hq-export/outbox-relay/batch/delivery-stopped.ts'
import { sealBatch } from '@hq-export/outbox-relay/batch/seal-batch.ts'
import { deliverBatch } from '@hq-export/outbox-relay/delivery/deliver-batch.ts'
import { BatchSizer } from '@hq-export/outbox-relay/flow-control/batch-sizer.ts'
import { CircuitBreaker } from '@hq-export/outbox-relay/flow-control/circuit-breaker.ts'
import { Restraint } from '@hq-export/outbox-relay/flow-control/restraint.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { Pool } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ScriptedAnswer, ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { createSecret } from '../../support/programs/pipeline.ts'

const RUNS = datasetByName('dx_operation_runs_v1')
const ORIGIN = { source: 'dx', epoch: '1' }

let gateway: ScriptedGateway
let pool: Pool
let stopping: AbortController
let breaker: CircuitBreaker

beforeEach(async () => {
  gateway = await ScriptedGateway.start()
  pool = new Pool(gateway.url)
  stopping = new AbortController()
  breaker = new CircuitBreaker(4)
})

afterEach(async () => {
  breaker.close()
  await pool.close()
  await gateway[Symbol.asyncDispose]()
})

function batchOf(...keys: readonly string[]): Batch {
  const texts = keys.map((run_id) =>
    JSON.stringify({ row: { run_id }, xid: '7', captured_at: '2026-02-16T09:30:00+00:00' }),
  )
  return sealBatch({ dataset: RUNS, rowCount: texts.length, texts }, ORIGIN)
}

function deliver(batch: Batch, attempts: string[] = [], restraint = new Restraint()) {
  return deliverBatch(batch, {
    pool,
    breaker,
    sizer: new BatchSizer(),
    restraint,
    keys: [parseSigningKey(createSecret())],
    compression: 'zstd',
    origin: ORIGIN,
    log: createLog('silent'),
    stopping: stopping.signal,
    aborting: new AbortController().signal,
    onAttempt: (_, { kind }) => attempts.push(kind),
    onHalt: () => {},
  })
}

function refuse(code: ProblemCode): void {
  const { status, title } = PROBLEMS[code]
  const answer: ScriptedAnswer = { status, body: { type: problemType(code), title, status, code } }
  gateway.answer(() => answer)
}

// Who settles an outcome needs a database; who finds it out needs none.
test('a delivery resolves with what HQ decided, and tells of every attempt', async () => {
  const attempts: string[] = []
  expect(await deliver(batchOf('a', 'b'), attempts)).toMatchObject({
    kind: 'accepted',
    answer: { counts: { received: 2, inserted: 2 } },
  })
  expect(attempts).toEqual(['accepted'])
})

test.each([
  { code: 'too_large', isWaitedFor: false },
  { code: 'not_in_time', isWaitedFor: true },
] as const)('$code: a batch comes back in pieces, a lone row with the reason', async (refused) => {
  const { code, isWaitedFor } = refused
  refuse(code)
  const pieces = [batchOf('a', 'b'), batchOf('c')]
  expect(await deliver(batchOf('a', 'b', 'c'))).toEqual({
    kind: 'cut',
    pieces,
    isWaitedFor,
    acceptedBefore: 0,
  })
  expect(gateway.received).toHaveLength(1)
  const lone = { kind: 'undelivered', reason: code, detail: expect.stringContaining(code) }
  expect(await deliver(batchOf('c'))).toEqual(lone)
})

test('a batch of a retired dataset is set aside whole, at once, and proves nothing', async () => {
  refuse('dataset_retired')
  const restraint = new Restraint()
  expect(await deliver(batchOf('a', 'b', 'c'), [], restraint)).toEqual({
    kind: 'undelivered',
    reason: 'dataset_retired',
    detail: '410 dataset_retired',
  })
  expect(gateway.received).toHaveLength(1)
  expect(restraint.accepted).toBe(0)
})

test('a delivery that is stopped between two attempts has no outcome', async () => {
  gateway.answer(() => {
    stopping.abort()
    return { status: 503 }
  })
  await expect(deliver(batchOf('a'))).rejects.toThrow(DeliveryStoppedError)
  expect(gateway.received).toHaveLength(1)
})
