import type pg from 'pg'
import type { Logger } from '../process/log.ts'
import { retiredDatasets } from './retired-datasets.ts'

const BOUND = /* sql */ `
select coalesce(definition ->> 'dataset', '') as dataset from hq_export.binding order by number`

/**
 * Says where nothing is bound: a relay that works on nothing looks like one with nothing to do. And
 * where something is bound that HQ takes no more. It need not be started again afterwards.
 */
export async function warnBinding(client: pg.ClientBase, log: Logger): Promise<void> {
  const { rows } = await client.query<{ dataset: string }>(BOUND)
  if (rows.length === 0)
    log.warn('nothing is bound, so nothing is captured; run: npm run relay -- bind NAME')
  const retired = retiredDatasets(rows.map(({ dataset }) => dataset))
  if (retired.length > 0)
    log.warn({ retired }, 'HQ takes no row of these any more; run: npm run relay -- bind NAME')
}
