import type pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { readBinding } from '../binding/read-binding.ts'
import { assertPrimary } from '../session/assert-primary.ts'
import { assertSeesAll } from '../session/hidden-tables.ts'
import { LED_SESSION } from '../session/lead.ts'
import { dxMigrations } from '../session/migrations.ts'
import { SessionScope } from '../session/session-scope.ts'
import { UndecidedError } from './compare/undecided-error.ts'
import type { Sides } from './dataset/dataset-context.ts'
import { HqClient, PATIENCE_MS } from './hq/hq-client.ts'
import type { ReconcileContext } from './reconcile-context.ts'
import { readEpoch } from './source/fence.ts'
import { SCAN_SESSION } from './source/scan-session.ts'

/** The sides, and what is bound at the source. */
export interface OpenedSides {
  readonly sides: Sides
  readonly binding: Binding
}

/**
 * Ends sessions as soon as it is to be stopped, also one whose statement takes a minute or waits
 * for a lock: a relay that stops waits for neither. @returns ends the watch.
 */
function endWhenStopped(clients: readonly pg.Client[], stopping: AbortSignal): () => void {
  function end(): void {
    // A session that is lost is closed already.
    for (const client of clients) client.end().catch(() => {})
  }
  stopping.addEventListener('abort', end)
  if (stopping.aborted) end()
  return () => stopping.removeEventListener('abort', end)
}

// A lock of the application is waited for as long as the relay and HQ are; no smaller range helps.
const BOUND_WAITS = /* sql */ `select pg_catalog.set_config('lock_timeout', $1, false)`

/**
 * Runs `work` with two sessions on the source, which end with it: one that holds snapshots, one
 * that sees what happens meanwhile.
 * @throws where the source cannot be used at all, or nothing is bound.
 * @throws {UndecidedError} where no relay has worked in this life of the source.
 */
export async function withSides<T>(
  context: ReconcileContext,
  work: (opened: OpenedSides) => Promise<T>,
): Promise<T> {
  const { databaseUrl, log, stopping, patienceMs = PATIENCE_MS } = context
  await using scope = new SessionScope(databaseUrl, log, stopping)
  const side = await scope.connect('reconcile', LED_SESSION)
  await dxMigrations.assertApplied(side)
  await assertPrimary(side)
  await assertSeesAll(side)
  const binding = await readBinding(side)
  if (binding === undefined) throw new UndecidedError('nothing is bound')
  const epoch = await readEpoch(side)
  const scan = await scope.connect('reconcile scan', SCAN_SESSION)
  for (const client of [side, scan]) await client.query(BOUND_WAITS, [String(patienceMs)])
  scope.hold(endWhenStopped([side, scan], stopping))
  const hq = new HqClient({ ...context, patienceMs, stopping: scope.stopping })
  const sides = { scan, side, hq, epoch, patienceMs, stopping: scope.stopping }
  return await work({ sides, binding })
}
