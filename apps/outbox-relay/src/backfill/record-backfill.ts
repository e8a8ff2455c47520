import type pg from 'pg'
import { insertBackfill } from './backfill-record.ts'
import { estimateScan } from './estimate.ts'
import type { Pass } from './pass.ts'
import { beginPass, type PassProgress } from './progress.ts'
import type { BackfillSelection } from './selection.ts'

/** Records a backfill; whoever executes them takes it up from there. @returns its id. */
export async function recordBackfill(
  client: pg.ClientBase,
  passes: readonly Pass[],
  selection: BackfillSelection,
): Promise<string> {
  const begun: PassProgress[] = []
  for (const pass of passes) {
    begun.push(beginPass(pass, await estimateScan(client, pass, selection)))
  }
  return insertBackfill(client, selection, { passes: begun, activeMs: 0 })
}
