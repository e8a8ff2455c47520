import type { Pipeline } from '../programs/pipeline.ts'
import { waitFor } from '../wait-for.ts'

/**
 * Waits until no run is left on the settle list and nothing waits in the outbox: everything
 * committed so far is decided.
 */
export async function allSettled(pipeline: Pipeline): Promise<void> {
  await waitFor('the settle list to be exported', async () => {
    const { rowCount } = await pipeline.dx.query(
      `select from hq_export.settle p
       where p.dataset = 1 and not exists (
         select from hq_export.settled m where p.number <= m.number
           and pg_visible_in_snapshot(p.xid, m.seen))`,
    )
    return rowCount === 0
  })
  await pipeline.settled()
}
