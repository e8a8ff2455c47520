import type pg from 'pg'
import type { Logger } from '../process/log.ts'
import { establishEpoch } from './epoch.ts'
import { placeSequences, raiseSequences } from './mend-sequences.ts'

/**
 * What a relay that leads does before its first tick: raises sequences above their tables, and
 * names the life of the server. Those that say where something stands are placed last: as long as
 * they are unset, whoever comes after a relay that died here does all of it again.
 * @returns the epoch.
 */
export async function prepareOutbox(client: pg.ClientBase, log: Logger): Promise<string> {
  const { raised, isNumberedTwice } = await raiseSequences(client)
  if (raised.length > 0)
    log.warn({ sequences: raised }, 'sequences were behind their tables; set above them')
  const { epoch, isNew } = await establishEpoch(client, isNumberedTwice)
  await placeSequences(client)
  if (isNew) log.info({ epoch }, 'new incarnation of the source server; sending what it retains')
  return epoch
}
