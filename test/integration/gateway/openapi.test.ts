import { LIMITS, PROBLEMS } from '@hq-export/contract'
import { openApiText } from '@hq-export/hq-ingest/openapi/openapi.ts'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, expect, test } from 'vitest'
import { post, send, signedRequest, startGateway } from '../../support/programs/ingest-client.ts'
import { createHqDatabase } from '../../support/servers/databases.ts'

type Json = Record<string, unknown>

interface Media {
  readonly schema: Json
  readonly example?: unknown
  readonly examples?: Record<string, { readonly value: unknown }>
}
interface Operation {
  readonly parameters?: readonly { readonly name: string }[]
  readonly requestBody?: { readonly content: Record<string, Media> }
  readonly responses: Record<
    string,
    { readonly headers?: Json; readonly content: Record<string, Media> }
  >
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>
}

let text: string
let document: Document

beforeAll(() => {
  text = openApiText()
  document = JSON.parse(text)
})

/** Every operation with its path and method. */
function operations(): { name: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method === 'get' || method === 'post')
      .map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  )
}

/** Everything of an operation that has a schema and examples of it. */
function mediaOf({ requestBody, responses }: Operation): Media[] {
  const contents = [requestBody?.content ?? {}, ...Object.values(responses).map((r) => r.content)]
  return contents.flatMap((content) => Object.values(content))
}

/** Validates against a schema of the document, whose references lead into it. */
function validatorOf(schema: Json): (value: unknown) => string | undefined {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ajv.addSchema({ $id: 'openapi', ...JSON.parse(text) })
  const relocated = JSON.stringify(schema).replaceAll('"#/', '"openapi#/')
  const validate = ajv.compile(JSON.parse(relocated))
  return (value) => (validate(value) ? undefined : ajv.errorsText(validate.errors))
}

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator()
  const result = await validator.validate(JSON.parse(text))
  expect(result).toMatchObject({ valid: true })
  expect(validator.version).toBe('3.1')
})

test('every example in it is what its schema says', () => {
  let examples = 0
  for (const { name, operation } of operations()) {
    for (const { schema, example, examples: named = {} } of mediaOf(operation)) {
      const validate = validatorOf(schema)
      const values = [...Object.values(named).map(({ value }) => value)]
      if (example !== undefined) values.push(example)
      for (const value of values) {
        examples++
        expect(validate(value), `${name}: ${JSON.stringify(value)}`).toBeUndefined()
      }
    }
  }
  expect(examples).toBeGreaterThan(Object.keys(PROBLEMS).length)
})

test('its schemas refuse what the gateway refuses', () => {
  const media = document.paths['/v1/batches']?.post?.requestBody?.content['application/json']
  if (media?.examples === undefined) throw new Error('no examples')
  const validate = validatorOf(media.schema)
  for (const { value } of Object.values(media.examples)) {
    const batch = structuredClone(value) as { rows: { row: Json }[]; dataset: string }
    expect(validate({ ...batch, dataset: 'dx_invoices_v1' })).toBeDefined()
    expect(validate({ ...batch, rows: [] })).toBeDefined()
    const [first] = batch.rows
    const row = { ...first?.row, export_schema_version: 'v2' }
    expect(validate({ ...batch, rows: [{ ...first, row }] })).toBeDefined()
  }
})

test('every refusal stands at the status that it is answered with', () => {
  const responses = document.paths['/v1/batches']?.post?.responses ?? {}
  const digests = document.paths['/v1/digests']?.post?.responses ?? {}
  const compared = ['invalid_request', 'unknown_checksum', 'not_read_in_time', 'table_locked']
  const { not_found: _, ...problems } = PROBLEMS
  for (const [code, { status }] of Object.entries(problems)) {
    const ofPath = compared.includes(code) ? digests : responses
    const media = ofPath[status]?.content['application/problem+json']
    expect(media?.examples?.[code]).toMatchObject({ value: { code, status } })
  }
  for (const status of ['408', '409', '429', '500', '503']) {
    expect(responses[status]?.headers).toHaveProperty('Retry-After')
  }
})

test('the gateway serves it, and answers every path in it', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const served = await fetch(`${gateway.url}/openapi.json`)
  expect(served.headers.get('content-type')).toBe('application/json')
  expect(await served.text()).toBe(text)
  for (const [path, methods] of Object.entries(document.paths)) {
    if (!('get' in methods)) continue
    const { headers = {} } = signedRequest('')
    const response = await fetch(`${gateway.url}${path.replace('{code}', 'in_flight')}`, {
      headers,
    })
    expect(response.status, path).toBe(200)
  }

  // What the document has as an example of a batch is a batch.
  const media = document.paths['/v1/batches']?.post?.requestBody?.content['application/json']
  for (const { value } of Object.values(media?.examples ?? {})) {
    const response = await post(gateway.url, JSON.stringify(value))
    const validate = validatorOf({ $ref: '#/components/schemas/answer' })
    const answer = (await response.json()) as { counts: { inserted: number } }
    expect(validate(answer)).toBeUndefined()
    expect(answer.counts.inserted).toBe(1)
  }
  const names = document.paths['/v1/batches']?.post?.parameters?.map(({ name }) => name) ?? []
  const { headers } = signedRequest('{}', { headers: { prefer: 'x', traceparent: 'x' } })
  for (const name of Object.keys(headers as Json)) {
    if (name === 'content-type' || name === 'webhook-signature') continue
    expect(names).toContain(name)
  }
  expect(JSON.stringify(document)).toContain(String(LIMITS.maxWireBytes))
  const problem = await send(gateway.url, JSON.parse('{}'))
  const validate = validatorOf({ $ref: '#/components/schemas/problem' })
  expect(validate(await problem.json())).toBeUndefined()
})
