import type { Dataset } from '@hq-export/contract'
import type { Profile } from '../../../apps/hq-ingest/src/profile/profile.ts'
import {
  type Baseline,
  WARM_UP_HOURS,
  type WindowInput,
} from '../../../apps/hq-ingest/src/quality/checks/check.ts'
import { profileOf } from './profiles.ts'

/** Hours of four weeks. */
export const MONTH_HOURS = 28 * 24

/** So many hours, the given ones of which have rows. */
export function baselineOfHours(hours: readonly Profile[], total = hours.length): Baseline {
  return { hours, alike: hours, total, warmUp: WARM_UP_HOURS }
}

/** What a check looks at: nothing came, nothing is known, and the source is heard. */
export function windowInput(dataset: Dataset, input: Partial<WindowInput> = {}): WindowInput {
  return {
    dataset,
    tested: profileOf(0),
    baseline: baselineOfHours([], 0),
    spans: [],
    comparison: undefined,
    known: {},
    isHeard: true,
    ...input,
  }
}
