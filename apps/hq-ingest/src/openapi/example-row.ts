import type { Column, Dataset, WireRow } from '@hq-export/contract'

function exampleValue(column: Column): unknown {
  if (column.values !== undefined) return column.values[0]
  if (column.reference) return 'vault://responses/6f0c1a52'
  switch (column.type) {
    case 'text':
      return `some ${column.name}`
    case 'uuid':
      return '6f0c1a52-7d7a-4c7e-9a53-0d1f0e7c2b11'
    case 'int4':
      return 1
    case 'int8':
      return '9007199254740993'
    case 'numeric':
      return '1.10'
    case 'boolean':
      return true
    case 'timestamptz':
      return '2026-02-16T09:30:00.123456+00:00'
    case 'jsonb':
      return '{"cost": 1.10}'
    default:
      return column.type satisfies never
  }
}

/** A valid row of a dataset, every column filled. */
export function exampleRow(dataset: Dataset): WireRow {
  return Object.fromEntries(dataset.columns.map((column) => [column.name, exampleValue(column)]))
}
