import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import {
  answerOf,
  buildEnvelope,
  buildRow,
  send,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { spawnGateway } from '../../support/programs/ingest-process.ts'
import { createHqDatabase } from '../../support/servers/databases.ts'

const EVENTS = 'dx_operation_events_v1'

/** Everything that is stored in a database, as text. */
async function dump(client: pg.Client): Promise<string> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name
     from pg_class c join pg_namespace n on n.oid = relnamespace
     where nspname in ('hq', 'ingest') and relkind = 'r'`,
  )
  const texts: string[] = []
  for (const { name } of tables) {
    const { rows } = await client.query<{ text: string }>(
      `select t::text as text from ${name} as t`,
    )
    texts.push(...rows.map(({ text }) => text))
  }
  return texts.join('\n')
}

/** Whatever is sent as OTLP over HTTP, as text. */
async function receiveTelemetry(): Promise<{ endpoint: string; received: () => string }> {
  let received = ''
  const server = createServer(async (request, response) => {
    received += await text(request)
    response.setHeader('content-type', 'application/json').end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { endpoint: `http://127.0.0.1:${port}`, received: () => received }
}

test('I8: a secret in a row is quarantined, and absent from the answer, the log, the spans and every table of HQ', async () => {
  const { endpoint, received } = await receiveTelemetry()
  await using hq = await createHqDatabase()
  const gateway = await spawnGateway(hq.url, {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  })
  const client = await hq.connect()

  const token = `ghp_${randomBytes(18).toString('hex')}`
  const key = `-----BEGIN PRIVATE KEY-----\n${randomBytes(48).toString('base64')}\n-----END PRIVATE KEY-----`
  const url = `postgres://app:${randomBytes(9).toString('hex')}@db/x`
  const own = `whsec_${randomBytes(32).toString('base64')}`
  const rows = [
    buildRow(EVENTS, { error_message: `401 for ${token}` }),
    buildRow(EVENTS, { metadata_json: JSON.stringify({ deep: [{ pem: key }] }) }),
    buildRow(EVENTS),
    buildRow(EVENTS, { raw_request_ref: url }),
    buildRow(EVENTS, { later: { nested: [own] } }),
    // Refused for other reasons, too; that must not let the text in.
    buildRow(EVENTS, { entity_type: token, event_type: null }),
    buildRow(EVENTS, { event_id: token }),
    buildRow(EVENTS, { [token]: 1 }),
    buildRow(EVENTS, { provider: `\u0000${token}` }),
  ]
  const response = await send(gateway.url, buildEnvelope(EVENTS, rows))
  const answer = await answerOf(response)
  expect(answer.counts).toMatchObject({ inserted: 1, quarantined: 8 })
  expect(answer.rows.map(({ index, code, pointer }) => [index, code, pointer])).toEqual([
    [0, 'secret_detected', '/rows/0/row/error_message'],
    [1, 'secret_detected', '/rows/1/row/metadata_json'],
    [3, 'secret_detected', '/rows/3/row/raw_request_ref'],
    [4, 'secret_detected', '/rows/4/row/later'],
    [5, 'secret_detected', '/rows/5/row/entity_type'],
    [6, 'secret_detected', '/rows/6/row/event_id'],
    [7, 'secret_detected', '/rows/7/row'],
    [8, 'secret_detected', '/rows/8/row/provider'],
  ])
  expect(answer.rows[0]?.detail).toBe('error_message holds a credential: github-token')

  const { rows: entries } = await client.query(
    `select row_text::json ->> 'error_message' as redacted,
       encode(row_sha256, 'hex') = encode(sha256(convert_to(row_text, 'UTF8')), 'hex') as hashed
     from ingest.quarantine where row_index = 0`,
  )
  expect(entries[0].hashed).toBe(true)
  expect(JSON.parse(entries[0].redacted)).toEqual({
    redacted: [
      {
        rule: 'github-token',
        sha256: createHash('sha256').update(token).digest('hex'),
        last4: token.slice(-4),
      },
    ],
  })

  const stored = await dump(client)
  gateway.child.kill('SIGTERM')
  await once(gateway.child, 'exit')
  const log = gateway.log()
  const spans = received()
  expect(spans).toContain(`process ${EVENTS}`)
  expect(stored).toContain('secret_detected')
  for (const [name, text] of Object.entries({
    answer: JSON.stringify(answer),
    log,
    spans,
    stored,
  })) {
    for (const secret of [token, key.split('\n')[1] ?? '', url, own]) {
      expect([name, text.includes(secret)]).toEqual([name, false])
    }
  }
  expect(log).toContain('"quarantined":8')
})

test('a payload in place of a reference is quarantined, and kept as it was sent', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const body = buildRow(EVENTS, { raw_response_ref: '{"name":"a person"}' })
  const good = buildRow(EVENTS, { raw_response_ref: 's3://raw/2026/response.json' })
  const answer = await answerOf(await send(gateway.url, buildEnvelope(EVENTS, [body, good])))
  expect(answer.rows).toMatchObject([
    { index: 0, code: 'not_a_reference', pointer: '/rows/0/row/raw_response_ref' },
  ])
  expect(answer.rows[0]?.detail).not.toContain('person')
  const client = await hq.connect()
  const { rows } = await client.query('select row_text from ingest.quarantine')
  expect(rows).toEqual([{ row_text: JSON.stringify(body) }])
})
