import type { Scenario } from '../scenario.ts'
import { measureVersions } from '../workload/drain-versions.ts'

const VERSIONS = 2

/** Updates of companies that wait, two of each. */
export const drainUpsert: Scenario = {
  name: 'drain-upsert',
  summary: 'updates of companies waiting, 2 versions of each, against logical replication',
  size: { rows: 200_000 },
  run: (options) => measureVersions(options, VERSIONS),
}
