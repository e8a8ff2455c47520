import { transact } from '@hq-export/runtime/postgres/transact.ts'
import pg from 'pg'
import { connectLogin } from '../../session/connect.ts'
import { hasSqlstate, INSUFFICIENT_PRIVILEGE } from '../../session/sqlstate.ts'
import { LOCK_BINDING } from './lock-binding.ts'
import { lockRelations } from './lock-relations.ts'
import { isBusy, type LockAttempt, type LockRetry, retryWithLockTimeout } from './lock-retry.ts'

/** What became of the triggers that kept replaced versions. */
export type HistoryTriggersDropped =
  /** Nothing was left to do. */
  | { readonly kind: 'nothing' }
  /** They are gone, of these datasets. */
  | { readonly kind: 'closed'; readonly datasets: readonly string[] }
  /**
   * They are still there: this login may not drop them, or a table was busy all the time. Harmless,
   * and `bind` drops them, too.
   */
  | { readonly kind: 'left'; readonly datasets: readonly string[]; readonly why: string }

interface OpenTrigger {
  dataset: string
  name: string
  relation: string
  function: string
}

/** Triggers that only a history that is not complete needs, of histories that are. */
const NEEDLESS = /* sql */ `
select b.dataset, t.tgname as name,
       pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname, '"', '""'),
         pg_catalog.replace(c.relname, '"', '""')) as relation,
       pg_catalog.format('hq_export.%I', p.proname) as function
from hq_export.binding b
join pg_catalog.pg_proc p on p.pronamespace = 'hq_export'::pg_catalog.regnamespace
  and p.proname in ('capture_' || b.dataset || '_replaced', 'capture_' || b.dataset || '_emptied')
join pg_catalog.pg_trigger t on t.tgfoid = p.oid
join pg_catalog.pg_class c on c.oid = t.tgrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where b.history_complete_at is not null
order by b.number, relation, name`

async function readNeedless(client: pg.ClientBase): Promise<OpenTrigger[]> {
  return (await client.query<OpenTrigger>(NEEDLESS)).rows
}

/** Names of the datasets that still have such triggers. */
export async function completeHistoriesWithTriggers(client: pg.ClientBase): Promise<string[]> {
  return [...new Set((await readNeedless(client)).map(({ dataset }) => dataset))]
}

/**
 * Drops them in one transaction. Locks: ACCESS EXCLUSIVE on their tables, as DROP TRIGGER takes it,
 * for milliseconds once all are held. The lock of `bind` first: whoever binds again meanwhile
 * decides.
 */
function dropNeedless(client: pg.ClientBase, locking: LockAttempt): Promise<void> {
  const drop = async (): Promise<void> => {
    await client.query(`set local lock_timeout = ${locking.lockWaitMs}`)
    await client.query(LOCK_BINDING)
    const triggers = await readNeedless(client)
    await lockRelations(client, {
      share: [],
      exclusive: triggers.map(({ relation }) => relation),
      firstWaitMs: locking.lockWaitMs,
      ...(locking.lockFirst === undefined ? {} : { first: locking.lockFirst }),
    })
    for (const { name, relation } of triggers)
      await client.query(`drop trigger ${pg.escapeIdentifier(name)} on ${relation}`)
    for (const name of new Set(triggers.map((trigger) => trigger.function)))
      await client.query(`drop function ${name}()`)
  }
  return transact(client, drop, { mode: 'isolation level read committed' })
}

function whyLeft(error: unknown): string | undefined {
  if (isBusy(error)) return 'their tables were busy'
  if (hasSqlstate(error, INSUFFICIENT_PRIVILEGE)) return 'this login may not drop them'
  return undefined
}

/**
 * Takes out the triggers that kept replaced versions, where the histories that they completed are
 * complete. As the login role: the relay's role has no right on the application's tables, and
 * should have none.
 * @param client session that may read what is bound.
 */
export async function dropHistoryTriggers(
  client: pg.ClientBase,
  databaseUrl: string,
  patience: LockRetry = {},
): Promise<HistoryTriggersDropped> {
  const datasets = await completeHistoriesWithTriggers(client)
  if (datasets.length === 0) return { kind: 'nothing' }
  const login = await connectLogin(databaseUrl, 'hq-export close history')
  try {
    await retryWithLockTimeout(patience, (locking) => dropNeedless(login, locking))
    return { kind: 'closed', datasets }
  } catch (error) {
    const why = whyLeft(error)
    if (why === undefined) throw error
    return { kind: 'left', datasets, why }
  } finally {
    await login.end()
  }
}
