import type { Scenario } from './scenario.ts'
import { drainAppend } from './scenarios/drain-append.ts'

/** Every benchmark, in the order of design section 8. */
export const SCENARIOS: readonly Scenario[] = [drainAppend]
