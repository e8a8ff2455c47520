import type { Scenario } from '../scenario.ts'
import { measureVersions } from '../workload/drain-versions.ts'

const VERSIONS = 10

/** Updates of companies that wait, ten of each: the contract needs the newest only. */
export const drainHot: Scenario = {
  name: 'drain-hot',
  summary: 'updates of companies waiting, 10 versions of each, against logical replication',
  // 200,000 last one second, in which the programs still compile what they run.
  size: { rows: 600_000 },
  run: (options) => measureVersions(options, VERSIONS),
}
