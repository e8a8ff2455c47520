import { expect, test } from 'vitest'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import { RowPacker } from './pack-rows.ts'

const EVENTS = 2
const COMPANIES = 3
const limits = { maxRows: 3, maxUnits: 1000 }

function row(fields: Partial<OutboxRow>): OutboxRow {
  return {
    dataset: EVENTS,
    key: 'k',
    version: null,
    xid: '700',
    seq: '1',
    capturedAt: '2026-03-01T12:00:00+00:00',
    deleted: false,
    traceparent: null,
    sqlstate: null,
    body: '{}',
    ...fields,
  }
}

test('a pack has one dataset and is handed out when it is full of rows', () => {
  const packer = new RowPacker(limits)
  const full = [
    row({ key: 'a' }),
    row({ key: 'x', dataset: COMPANIES, version: '1' }),
    row({ key: 'b' }),
    row({ key: 'c' }),
  ].map((each) => packer.add(each))
  expect(full.map((pack) => pack?.rows.length)).toEqual([undefined, undefined, undefined, 3])
  const rest = packer.flush()
  expect(rest.map(({ dataset, rows }) => [dataset.name, rows.length])).toEqual([
    ['dx_company_entities_v1', 1],
  ])
})

test('a pack is handed out when it is full of bytes, and one large row may exceed them alone', () => {
  const packer = new RowPacker(limits)
  expect(packer.add(row({ body: 'x'.repeat(2000) }))?.rows).toHaveLength(1)
})

test('of the versions of a key only the newest travels, whatever order they come in', () => {
  const packer = new RowPacker({ maxRows: 100, maxUnits: 1000 })
  const versions = ['9', '11', '10', '9223372036854775807', '9223372036854775806']
  for (const version of versions) packer.add(row({ dataset: COMPANIES, version }))
  packer.add(row({ dataset: COMPANIES, key: 'other', version: '1' }))
  const [pack] = packer.flush()
  expect(pack?.rows.map(({ key, version }) => `${key} ${version}`)).toEqual([
    'k 9223372036854775807',
    'other 1',
  ])
})

test('rows of an append-only dataset are all sent, equal keys too', () => {
  const packer = new RowPacker({ maxRows: 100, maxUnits: 1000 })
  for (const seq of ['1', '2']) packer.add(row({ seq }))
  expect(packer.flush()[0]?.rows.map(({ seq }) => seq)).toEqual(['1', '2'])
})
