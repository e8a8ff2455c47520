import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { Pipeline } from '../support/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

const ORIGIN_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const ORIGIN = `00-${ORIGIN_TRACE}-00f067aa0ba902b7-01`

interface Span {
  /** `service.name` of the program that exported it. */
  readonly service: string | undefined
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly links?: readonly { readonly traceId: string }[]
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: {
      readonly attributes: readonly { key: string; value: { stringValue?: string } }[]
    }
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, 'service'>[] }[]
  }[]
}

/** A real OTLP receiver: keeps every span that is exported to it. */
async function startReceiver() {
  const spans: Span[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (request.url === '/v1/traces') {
      const sent: Export = JSON.parse(Buffer.concat(chunks).toString('utf8'))
      spans.push(
        ...sent.resourceSpans.flatMap(({ resource, scopeSpans }) => {
          const name = resource.attributes.find(({ key }) => key === 'service.name')
          const service = name?.value.stringValue
          return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service })))
        }),
      )
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    spans,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a row is followed from the transaction that wrote it through both apps, by the standard variables alone', async () => {
  await using receiver = await startReceiver()
  await using pipeline = await Pipeline.create()
  await pipeline.startGateway(undefined, receiver.env)
  pipeline.startRelay({ ...receiver.env, OTEL_SERVICE_NAME: 'relay-of-a-test' })
  const orgId = await insertOrg(pipeline.dx)
  await pipeline.dx.query('begin')
  await pipeline.dx.query("select set_config('hq_export.traceparent', $1, true)", [ORIGIN])
  await insertCompany(pipeline.dx, orgId, { canonical_name: 'secret of the row' })
  await pipeline.dx.query('commit')

  const find = (name: string, of?: Span) =>
    receiver.spans.find(
      (span) => span.name === name && (of === undefined || span.parentSpanId === of.spanId),
    )
  const send = await waitFor('the span of the relay', () => find('send dx_company_entities_v1'))
  const received = await waitFor('the span of the gateway', () => find('POST /v1/batches', send))
  const processed = await waitFor('the span of the batch', () =>
    find('process dx_company_entities_v1', received),
  )
  expect(new Set([send.traceId, received.traceId, processed.traceId]).size).toBe(1)
  expect([send.service, received.service]).toEqual(['relay-of-a-test', 'hq-ingest'])
  expect(send.links?.map(({ traceId }) => traceId)).toEqual([ORIGIN_TRACE])
  expect(processed.links?.map(({ traceId }) => traceId)).toEqual([ORIGIN_TRACE])
  expect(JSON.stringify(receiver.spans)).not.toContain('secret of the row')
})
