import { describe, expect, it } from 'vitest'
import { mergeRows } from './merge-rows.ts'
import type { TextRow } from './read-rows.ts'

async function* rows(...pairs: [key: string, value: string | null][]): AsyncGenerator<TextRow> {
  for (const [key, value] of pairs) yield { key, values: [key, value] }
}

const NAMES = ['id', 'cost']

describe('two sides', () => {
  it('are equal where every row is', async () => {
    const found = await mergeRows(
      NAMES,
      rows(['a', '1'], ['b', null]),
      rows(['a', '1'], ['b', null]),
    )
    expect(found).toEqual({ sourceRows: 2, hqRows: 2, differences: 0, refused: 0, examples: [] })
  })

  it('differ by a row that one of them lacks, at the start, in the middle and at the end', async () => {
    const found = await mergeRows(
      NAMES,
      rows(['b', '1'], ['c', '1']),
      rows(['a', '1'], ['c', '1'], ['d', '1']),
    )
    expect(found).toEqual({
      sourceRows: 2,
      hqRows: 3,
      differences: 3,
      refused: 0,
      examples: [
        { kind: 'only in HQ', key: 'a' },
        { kind: 'missing in HQ', key: 'b' },
        { kind: 'only in HQ', key: 'd' },
      ],
    })
  })

  it('differ by a trailing zero', async () => {
    const { examples } = await mergeRows(NAMES, rows(['a', '1.10']), rows(['a', '1.1']))
    expect(examples).toEqual([
      { kind: 'columns differ', key: 'a', columns: [{ name: 'cost', source: '1.10', hq: '1.1' }] },
    ])
  })

  it('differ by NULL where the other has an empty text', async () => {
    const { differences } = await mergeRows(NAMES, rows(['a', null]), rows(['a', '']))
    expect(differences).toBe(1)
  })

  it('are equal where both are empty', async () => {
    expect(await mergeRows(NAMES, rows(), rows())).toMatchObject({ sourceRows: 0, differences: 0 })
  })

  it('do not differ by a row that HQ refused, but by one that only HQ has', async () => {
    const refused = new Set(['a', 'b', 'c'])
    const found = await mergeRows(
      NAMES,
      rows(['a', '1'], ['b', '1']),
      rows(['b', '2'], ['c', '1']),
      refused,
    )
    expect(found).toMatchObject({ refused: 2, differences: 1 })
  })

  it('count all differences and keep the first few', async () => {
    const many = Array.from({ length: 20 }, (_, n): [string, string] => [String(n + 10), 'x'])
    const found = await mergeRows(NAMES, rows(...many), rows())
    expect(found.differences).toBe(20)
    expect(found.examples).toHaveLength(5)
  })
})
