import { expect, test } from 'vitest'
import { DATASETS, datasetByName } from '../datasets/datasets.ts'
import { CHECKSUM_ALGORITHMS, checksumSpecs } from './checksum-spec.ts'

const RUNS = datasetByName('dx_operation_runs_v1')

// Two programs that know the same id hash the same: one that changes is a new spec.
test('the ids are pinned', () => {
  const ids = Object.fromEntries(
    DATASETS.map((dataset) => [
      dataset.name,
      CHECKSUM_ALGORITHMS.map((algorithm) => checksumSpecs(dataset, algorithm).map(({ id }) => id)),
    ]),
  )
  expect(ids).toMatchInlineSnapshot(`
    {
      "dx_company_entities_v1": [
        [
          "b7744593db9229ed",
        ],
        [
          "1b5af5f0fd08cf95",
        ],
      ],
      "dx_entity_snapshots_v1": [
        [
          "4b793f644e30302d",
        ],
        [
          "560d0016b026a37a",
        ],
      ],
      "dx_operation_events_v1": [
        [
          "12df1be41e9d1525",
        ],
        [
          "3759d2064b667bd3",
        ],
      ],
      "dx_operation_runs_v1": [
        [
          "b6457dfa841605ba",
          "057ec514a4340046",
        ],
        [
          "ca9cd7d1074b4c8c",
          "ef86fb78cd3f9295",
        ],
      ],
      "dx_person_entities_v1": [
        [
          "4ce950d40612879b",
        ],
        [
          "63b54def990cf025",
        ],
      ],
    }
  `)
})

test('key and version come first, additive columns last', () => {
  for (const dataset of DATASETS) {
    for (const { key, columns } of checksumSpecs(dataset, 'DXC-1')) {
      const names = columns.map(({ name }) => name)
      expect(key.map(({ name }) => name)).toEqual(dataset.primaryKey)
      expect(names.slice(0, key.length)).toEqual(dataset.primaryKey)
      expect(new Set(names).size).toBe(names.length)
    }
  }
  const [company] = checksumSpecs(datasetByName('dx_company_entities_v1'), 'DXC-1')
  expect(company?.columns[2]?.name).toBe('record_version')
})

test('every additive column makes a spec of its own, which keeps those before as they are', () => {
  const specs = checksumSpecs(RUNS, 'DXC-1')
  expect(specs.map(({ columns }) => columns.at(-1)?.name)).toEqual(['created_at', 'outcome'])

  const added = { name: 'later', type: 'text', nullable: true, additive: true } as const
  const grown = { ...RUNS, columns: [...RUNS.columns, { ...added, description: '' }] }
  const later = checksumSpecs(grown, 'DXC-1')
  expect(later.slice(0, specs.length)).toEqual(specs)
  expect(later).toHaveLength(specs.length + 1)
  expect(later.at(-1)?.columns.at(-1)?.name).toBe('later')
})
