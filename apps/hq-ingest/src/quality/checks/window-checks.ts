import type { Dataset } from '@hq-export/contract'
import type { WindowCheck } from './check.ts'
import { IMPOSSIBLE_VALUES } from './impossible-values.ts'
import { nullRate } from './null-rate.ts'
import { openSet } from './open-set.ts'
import { parity } from './parity.ts'
import { refused } from './refused.ts'
import { statusCheck } from './status.ts'
import { volume } from './volume.ts'

/** The checks of a dataset that its descriptor asks for. */
export function windowChecks(dataset: Dataset): readonly WindowCheck[] {
  const { criticalFields, quality } = dataset
  return [
    parity,
    refused,
    ...criticalFields.map(nullRate),
    ...(quality.distribution === undefined ? [] : [statusCheck(quality.distribution)]),
    ...quality.openSets.map(openSet),
    volume(dataset),
    ...IMPOSSIBLE_VALUES,
  ]
}
