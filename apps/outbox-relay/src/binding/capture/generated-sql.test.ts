import { expect, test } from 'vitest'
import { loadBinding } from '../load-binding.ts'
import type { SourceTable } from '../source-table.ts'
import { generate } from './generate.ts'
import { generatedSql } from './generated-sql.ts'

const binding = await loadBinding('reference')

/** Read anew, as from the catalog. */
function sourcesOf(owner: string): ReadonlyMap<string, SourceTable> {
  const columns = [{ name: 'org_id', type: 'uuid', isVirtual: false }]
  return new Map(
    binding.datasets.map(({ table }) => [
      table,
      { table, owner, columns, relations: [{ sql: table, hasStorage: true }] },
    ]),
  )
}

test('the same is generated once, and anything else anew', () => {
  const first = generatedSql(binding, sourcesOf('app'), false)
  expect(first).toEqual(generate(binding, sourcesOf('app'), false))
  expect(generatedSql(structuredClone(binding), sourcesOf('app'), false)).toBe(first)
  const others = [
    generatedSql(binding, sourcesOf('app'), true),
    generatedSql(binding, sourcesOf('other'), false),
    generatedSql({ ...binding, datasets: binding.datasets.slice(1) }, sourcesOf('app'), false),
  ]
  for (const other of others) expect(other.fingerprint).not.toBe(first.fingerprint)
})

test('what was not asked for lately is forgotten', () => {
  const first = generatedSql(binding, sourcesOf('owner 0'), false)
  for (let n = 1; n <= 4; n++) generatedSql(binding, sourcesOf(`owner ${n}`), false)
  expect(generatedSql(binding, sourcesOf('owner 0'), false)).not.toBe(first)
})
