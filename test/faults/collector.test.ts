import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import { expect, test } from 'vitest'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertOrg, insertRun } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

const TROUBLE = 'traces cannot be exported'
const WINDOWS = 10
/** Longest that an ending process may wait for a collector, and some room for a busy machine. */
const STOP_MS = 8_000

/** Nothing listens there. */
async function deadPort() {
  return { port: await freePort(), async [Symbol.asyncDispose]() {} }
}

/** Accepts connections, reads, and never answers. */
async function blackHole() {
  const server = createTcpServer((socket) => {
    socket.resume()
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

/** Answers 500 to everything. */
async function brokenServer() {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(500).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

test.each([
  { name: 'is not there', start: deadPort },
  { name: 'never answers', start: blackHole },
  { name: 'answers 500', start: brokenServer },
])('a collector that $name costs no row, one warning, and no time to stop', async ({ start }) => {
  await using collector = await start()
  await using pipeline = await Pipeline.create()
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    OTEL_BSP_SCHEDULE_DELAY: '20',
  }
  const gateway = await pipeline.startGateway(undefined, { ...env, INGEST_DRAIN_SECONDS: '0' })
  const relay = pipeline.startRelay(env)
  const orgId = await insertOrg(pipeline.dx)
  await insertRun(pipeline.dx, orgId)
  for (const { lines } of [relay, gateway]) {
    await waitFor('the warning', () => lines.some((line) => line.includes(TROUBLE)))
  }
  // The warning is out, and windows keep coming: each a failed export, none a second warning.
  for (let window = 1; window < WINDOWS; window++) {
    await insertRun(pipeline.dx, orgId)
    await pipeline.settled()
  }
  const { rows } = await pipeline.hq.query('select from hq.dx_operation_runs_v1')
  expect(rows).toHaveLength(WINDOWS)

  const begin = performance.now()
  expect(await relay.terminate()).toBe(0)
  expect(await gateway.terminate()).toBe(0)
  expect(performance.now() - begin).toBeLessThan(STOP_MS)
  for (const { lines } of [relay, gateway]) {
    expect(lines.filter((line) => line.includes(TROUBLE))).toHaveLength(1)
  }
})
