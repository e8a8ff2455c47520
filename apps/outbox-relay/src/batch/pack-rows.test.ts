import { expect, test } from 'vitest'
import { RowPacker } from './pack-rows.ts'

const EVENTS = 2
const COMPANIES = 3

function rows(dataset: number, rowCount: number, text = 'x'.repeat(rowCount)) {
  return { dataset, rowCount, text: Buffer.from(text) }
}

test('a pack has one dataset and is handed out when it is full of rows', () => {
  const packer = new RowPacker({ maxRows: 10, maxBytes: 1000 })
  expect(packer.add(rows(EVENTS, 4, 'a'))).toBeUndefined()
  expect(packer.add(rows(COMPANIES, 9, 'b'))).toBeUndefined()
  expect(packer.add(rows(EVENTS, 7, 'c'))).toMatchObject({
    dataset: { name: 'dx_operation_events_v1' },
    rowCount: 11,
    texts: [Buffer.from('a'), Buffer.from('c')],
  })
  expect(packer.flush()).toMatchObject([
    { dataset: { name: 'dx_company_entities_v1' }, rowCount: 9, texts: [Buffer.from('b')] },
  ])
  expect(packer.flush()).toEqual([])
})

test('a pack is handed out when it is full of text, and one large row may exceed it alone', () => {
  const packer = new RowPacker({ maxRows: 10, maxBytes: 1000 })
  expect(packer.add(rows(EVENTS, 1, 'x'.repeat(2000)))?.rowCount).toBe(1)
})
