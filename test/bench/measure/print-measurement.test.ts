import { expect, test } from 'vitest'
import type { Scenario } from '../scenario.ts'
import { measureOf } from './measure-of.ts'
import { printAll, printAllJson, type Result } from './print-measurement.ts'

const rate = measureOf({
  name: 'rows_per_s',
  unit: 'rows/s',
  ours: [50.4, 10, 90],
  anchor: { name: 'native', values: [100, 60, 80] },
})
const memory = measureOf({ name: 'relay_rss_mb', unit: 'MB', digits: 1, ours: [7.25, 9] })
const scenario: Scenario = {
  name: 'drain',
  summary: '',
  size: { rows: 300 },
  run: () => Promise.reject(new Error('not run')),
}
const result: Result = {
  measurement: { rows: 300, rowBytes: 7, postgresql: '18', measures: [rate, memory], notes: [] },
  from: { scenario, machine: 'a machine', versions: { node: '26' } },
}

test('a measure is the median of its rounds, and keeps each of them', () => {
  expect(rate).toEqual({
    name: 'rows_per_s',
    unit: 'rows/s',
    ours: 50,
    anchor: 80,
    anchor_name: 'native',
    ours_rounds: [50, 10, 90],
    anchor_rounds: [100, 60, 80],
  })
  expect(memory).toMatchObject({ ours: 8.1, anchor: null, anchor_name: null, anchor_rounds: null })
})

test('all scenarios make one Markdown table', () => {
  expect(printAll([result])).toBe(`a machine; node 26

| scenario, rows | measure      | unit   | ours | anchor | ratio | anchor is |
|----------------|--------------|--------|------|--------|-------|-----------|
| drain 300      | rows_per_s   | rows/s | 50   | 80     | 0.63x | native    |
| drain 300      | relay_rss_mb | MB     | 8.1  | -      |       |           |`)
})

test('all scenarios make one JSON object', () => {
  expect(JSON.parse(printAllJson([result]))).toEqual({
    scenarios: [
      {
        scenario: 'drain',
        rows: 300,
        row_bytes: 7,
        machine: 'a machine',
        versions: { node: '26' },
        measures: [rate, memory],
      },
    ],
  })
})
