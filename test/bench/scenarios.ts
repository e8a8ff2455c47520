import type { Scenario } from './scenario.ts'
import { backfill } from './scenarios/backfill.ts'
import { capture } from './scenarios/capture.ts'
import { consolePages } from './scenarios/console.ts'
import { drainAppend } from './scenarios/drain-append.ts'
import { drainHot } from './scenarios/drain-hot.ts'
import { drainUpsert } from './scenarios/drain-upsert.ts'
import { flat } from './scenarios/flat.ts'
import { heldXmin } from './scenarios/held-xmin.ts'
import { ingest } from './scenarios/ingest.ts'
import { latency } from './scenarios/latency.ts'
import { reconcile } from './scenarios/reconcile.ts'
import { stages } from './scenarios/stages.ts'
import { tracing } from './scenarios/tracing.ts'

/** Every benchmark, in the order of design section 8. */
export const SCENARIOS: readonly Scenario[] = [
  drainAppend,
  drainUpsert,
  drainHot,
  capture,
  latency,
  flat,
  heldXmin,
  ingest,
  stages,
  tracing,
  backfill,
  reconcile,
  consolePages,
]
