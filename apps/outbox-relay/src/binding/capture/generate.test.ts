import { DATASETS } from '@hq-export/contract'
import { expect, test } from 'vitest'
import type { Binding } from '../binding-schema.ts'
import { listBindings, loadBinding, parseBinding } from '../load-binding.ts'
import type { SourceTable } from '../source-table.ts'
import { generate, neededSql } from './generate.ts'

const reference = await loadBinding('reference')

/** Every bound table as a plain one of the same owner, unless stated otherwise. */
function sourcesOf(
  binding: Binding,
  changes: Partial<SourceTable> = {},
): ReadonlyMap<string, SourceTable> {
  return new Map(
    binding.datasets.map(({ table }) => [
      table,
      {
        table,
        owner: 'app',
        columns: [{ name: 'org_id', type: 'uuid', isVirtual: false }],
        relations: [{ sql: table, hasStorage: true }],
        ...changes,
      },
    ]),
  )
}

const generated = generate(reference, sourcesOf(reference))

test('the same binding over the same tables gives the same SQL and fingerprint', () => {
  expect(generate(reference, sourcesOf(reference))).toEqual(generated)
  expect(generated.fingerprint).toMatch(/^[0-9a-f]{64}$/)
})

test.each([
  ['another owner', { owner: 'other' }],
  ['another type of a column', { columns: [{ name: 'org_id', type: 'text', isVirtual: false }] }],
  [
    'a partition more',
    {
      relations: [
        { sql: 'a', hasStorage: false },
        { sql: 'b', hasStorage: true },
      ],
    },
  ],
])('%s gives another fingerprint', (_, changes) => {
  expect(generate(reference, sourcesOf(reference, changes)).fingerprint).not.toBe(
    generated.fingerprint,
  )
})

test('another expression gives another fingerprint', () => {
  const changed = structuredClone(reference)
  const [first] = changed.datasets
  if (first !== undefined) first.columns = { workflow_id: `'x'` }
  expect(generate(changed, sourcesOf(changed)).fingerprint).not.toBe(generated.fingerprint)
})

test('each dataset of the contract has its view', () => {
  expect(generated.views.map(({ name }) => name)).toEqual(DATASETS.map(({ name }) => name))
})

test('without a snapshot clause there is no snapshots view', () => {
  const datasets = reference.datasets.map(({ snapshot: _, ...bound }) => bound)
  const { views } = generate({ ...reference, datasets }, sourcesOf(reference))
  expect(views.map(({ name }) => name)).not.toContain('dx_entity_snapshots_v1')
})

test('every trigger function pins search_path and time zone and runs as its definer', () => {
  for (const { sql } of generated.functions) {
    expect(sql).toContain('security definer')
    expect(sql).toContain('set search_path = pg_catalog, pg_temp')
    expect(sql).toContain(`set timezone = 'UTC'`)
  }
})

test('append-only datasets are exported when they appear or end, and what they lose is noted', () => {
  const names = generated.triggers
    .filter(({ relation }) => relation.startsWith('ops.'))
    .map(({ name }) => name.replace('hq_export_', ''))
  const removals = (number: number): string[] =>
    ['removed', 'withdrawn', 'cleared'].map((event) => `${number}_${event}`)
  expect(names).toEqual(['1_update', '1_insert', ...removals(1), '2_insert', ...removals(2)])
})

test('partitions and their root have statement triggers alone; TRUNCATE, and what keeps replaced versions, stand where rows are', () => {
  const relations = [
    { sql: 'root', hasStorage: false },
    { sql: 'leaf', hasStorage: true },
  ]
  const { triggers } = generate(reference, sourcesOf(reference, { relations }))
  const eventsOf = (relation: string): string[] =>
    triggers
      .filter((trigger) => trigger.relation === relation && trigger.name.startsWith('hq_export_3_'))
      .map(({ name }) => name.replace('hq_export_3_', ''))
  expect(eventsOf('root')).toEqual(['insert', 'update', 'delete'])
  expect(eventsOf('leaf')).toEqual([
    'insert',
    'update',
    'delete',
    'truncate',
    'replaced',
    'emptied',
  ])
})

test('a complete history needs two functions and their triggers less, and is of the same fingerprint', () => {
  const needed = neededSql(generated, new Set(['dx_company_entities_v1']))
  const without = (all: readonly { name: string }[], some: readonly { name: string }[]) =>
    all.map(({ name }) => name).filter((name) => !some.some((other) => other.name === name))
  expect(without(generated.functions, needed.functions)).toEqual([
    'hq_export."capture_dx_company_entities_v1_replaced"',
    'hq_export."capture_dx_company_entities_v1_emptied"',
  ])
  expect(without(generated.triggers, needed.triggers)).toEqual([
    'hq_export_3_replaced',
    'hq_export_3_emptied',
  ])
  expect(needed.fingerprint).toBe(generated.fingerprint)
})

test('identifiers and literals of a binding are quoted', () => {
  const binding = parseBinding('odd', {
    name: 'odd',
    datasets: [
      {
        dataset: 'dx_operation_runs_v1',
        table: 'Ops.order"s',
        key: ['Run Id'],
        terminal: { column: 'Status', values: [`it's`] },
      },
    ],
  })
  const { views } = generate(binding, sourcesOf(binding))
  expect(views[0]?.sql).toContain('from "Ops"."order""s" hq_export_row')
  expect(views[0]?.sql).toContain(`r."Status" in ('it''s')`)
})

/** As jsonb gives an object back: shorter keys first. */
function asStored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asStored)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, asStored(inner)]))
}

test.each(await listBindings())(
  'a binding that was read back from the database, or whose file has another order, is the same: %s',
  async (name) => {
    const binding = await loadBinding(name)
    const { fingerprint } = generate(binding, sourcesOf(binding))
    const stored = parseBinding(name, asStored(binding))
    expect(generate(stored, sourcesOf(stored)).fingerprint).toBe(fingerprint)
    const reversed = parseBinding(name, { ...binding, datasets: binding.datasets.toReversed() })
    expect(generate(reversed, sourcesOf(reversed)).fingerprint).toBe(fingerprint)
  },
)
