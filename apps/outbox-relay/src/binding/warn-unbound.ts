import type pg from 'pg'
import type { Logger } from '../process/log.ts'

const IS_BOUND = /* sql */ `select exists (select from hq_export.binding) as found`

/**
 * Says where nothing is bound: a relay that works on nothing looks like one with nothing to do. It
 * need not be started again afterwards.
 */
export async function warnUnbound(client: pg.ClientBase, log: Logger): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(IS_BOUND)
  if (rows[0]?.found === false)
    log.warn('nothing is bound, so nothing is captured; run: npm run relay -- bind NAME')
}
