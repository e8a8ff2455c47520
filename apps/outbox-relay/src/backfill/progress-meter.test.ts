import { expect, test } from 'vitest'
import type { BackfillRecord } from './backfill-record.ts'
import { beginPass } from './progress.ts'
import { ProgressMeter } from './progress-meter.ts'

function record(scanned: number, state: BackfillRecord['state'] = 'running'): BackfillRecord {
  const pass = beginPass({ kind: 'rows', dataset: 'dx_operation_runs_v1', snapshots: 'none' }, 1000)
  return {
    id: '7',
    state,
    reason: null,
    requestedAt: '2026-03-01T00:00:00+00:00',
    updatedAt: '2026-03-01T00:00:00+00:00',
    finishedAt: null,
    selection: { dataset: null, since: null, until: null, orgId: null },
    progress: { passes: [{ ...pass, scanned, isDone: state === 'completed' }], activeMs: 0 },
  }
}

test('says the rate of the last seconds and how long the rest will take', () => {
  const meter = new ProgressMeter()
  expect(meter.describe(record(0), 0)).toContain('unknown time left')
  expect(meter.describe(record(500), 10_000)).toContain('50 %')
  expect(meter.describe(record(600), 20_000)).toContain('10 rows/s, 40 s left')
})

test('an estimate that was too low never says that it is done', () => {
  const meter = new ProgressMeter()
  expect(meter.describe(record(5000), 0)).toContain('99 %')
  expect(meter.describe(record(5000, 'completed'), 1)).toContain('100 %')
})
