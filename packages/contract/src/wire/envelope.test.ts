import { describe, expect, it } from 'vitest'
import { type Envelope, envelopeSchema, parseEnvelope } from './envelope.ts'

const row = {
  row: { any: 'thing' },
  xid: '748213',
  captured_at: '2026-02-16T09:30:00.124001+00:00',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  deleted: true,
}
const envelope = {
  source: 'data-engine-x',
  dataset: 'dx_company_entities_v1',
  schema_version: 'v1',
  epoch: '7301234567890123456.0191f2a0-0000-4000-8000-000000000001',
  rows: [row],
}

const withRow = (changes: object) => ({ ...envelope, rows: [{ ...row, ...changes }] })
const without = (name: string) =>
  Object.fromEntries(Object.entries(envelope).filter(([member]) => member !== name))
const withoutInRow = (name: string) => ({
  ...envelope,
  rows: [Object.fromEntries(Object.entries(row).filter(([member]) => member !== name))],
})

describe.each([
  ['the schema', envelopeSchema.safeParse],
  ['parseEnvelope', parseEnvelope],
])('the envelope, read by %s', (_reader, read) => {
  function parse(body: unknown): Envelope {
    const result = read(body)
    if (!result.success) throw result.error
    return result.data
  }

  it('comes out as it went in', () => {
    expect(parse(envelope)).toEqual(envelope)
  })

  it('needs neither epoch nor the optional members of a row', () => {
    const { row: columns, xid, captured_at } = row
    const small = { ...without('epoch'), rows: [{ row: columns, xid, captured_at }] }
    expect(parse(small)).toEqual(small)
  })

  it('may grow: members that it does not know are ignored', () => {
    const grown = { ...envelope, later: 1, rows: [{ ...row, later: { x: 1 } }] }
    expect(parse(grown)).toMatchObject(envelope)
  })

  it('leaves the rows to the row schema', () => {
    const odd = withRow({ row: { 'a\u0000': [1, { b: null }], constructor: 1 } })
    expect(parse(odd)).toEqual(odd)
  })

  it.each([
    ['the largest transaction id', withRow({ xid: '18446744073709551615' })],
    ['any dataset name: the gateway answers 422', { ...envelope, dataset: 'dx_heartbeat_v1' }],
    ['any schema version: the gateway answers 422', { ...envelope, schema_version: 'v2' }],
    ['an empty row: the row schema refuses it', withRow({ row: {} })],
  ])('takes %s', (_, value) => {
    expect(parse(value)).toEqual(value)
  })

  it.each(['', '00-0-0-00', 1, null, '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'])(
    'drops the malformed traceparent %j instead of the batch',
    (traceparent) => {
      const { traceparent: _, ...rest } = row
      expect(parse(withRow({ traceparent }))).toEqual({ ...envelope, rows: [rest] })
    },
  )

  it.each([
    ['an array', []],
    ['null', null],
    ['no source', without('source')],
    ['no dataset', without('dataset')],
    ['no schema version', without('schema_version')],
    ['no rows', without('rows')],
    ['an empty list of rows', { ...envelope, rows: [] }],
    ['rows that are no list', { ...envelope, rows: { 0: row } }],
    ['a source with a space', { ...envelope, source: 'data engine' }],
    ['an empty source', { ...envelope, source: '' }],
    ['a source of 65 characters', { ...envelope, source: 'a'.repeat(65) }],
    ['an empty dataset', { ...envelope, dataset: '' }],
    ['a dataset of 64 characters', { ...envelope, dataset: 'a'.repeat(64) }],
    ['a schema version that is a number', { ...envelope, schema_version: 1 }],
    ['an epoch without an incarnation', { ...envelope, epoch: '7301234567890123456' }],
    ['a row without its columns', withoutInRow('row')],
    ['a row whose columns are a list', withRow({ row: [] })],
    ['a row without a transaction id', withoutInRow('xid')],
    ['a transaction id as a number', withRow({ xid: 748213 })],
    ['a transaction id that PostgreSQL reads as octal', withRow({ xid: '010' })],
    ['a transaction id past 64 bits', withRow({ xid: '18446744073709551616' })],
    ['a negative transaction id', withRow({ xid: '-1' })],
    ['a row without its time of capture', withoutInRow('captured_at')],
    ['a time of capture without an offset', withRow({ captured_at: '2026-02-16T09:30:00' })],
    ['a time of capture on 30 February', withRow({ captured_at: '2026-02-30T09:30:00Z' })],
    ['deleted as text', withRow({ deleted: 'true' })],
  ])('refuses %s', (_, value) => {
    expect(read(value).success).toBe(false)
  })
})
