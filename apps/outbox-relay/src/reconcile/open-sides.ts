import type { SessionSettings } from '@hq-export/runtime/postgres/session.ts'
import type pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { readBinding } from '../binding/read-binding.ts'
import { assertPrimary } from '../session/assert-primary.ts'
import { assertSeesAll } from '../session/hidden-tables.ts'
import { LED_SESSION } from '../session/lead.ts'
import { dxMigrations } from '../session/migrations.ts'
import { SessionScope } from '../session/session-scope.ts'
import { STOPPED, UndecidedError } from './compare/undecided-error.ts'
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
 * Ends a session as soon as it is to be stopped, also one whose statement takes a minute or waits
 * for a lock: a relay that stops waits for neither. @returns ends the watch.
 */
function endWhenStopped(client: pg.Client, stopping: AbortSignal): () => void {
  function end(): void {
    client.end().catch(() => {}) // a lost session is closed already
  }
  stopping.addEventListener('abort', end)
  if (stopping.aborted) end()
  return () => stopping.removeEventListener('abort', end)
}

// A lock of the application is waited for as long as the relay and HQ are; no smaller range helps.
const BOUND_WAITS = /* sql */ `select pg_catalog.set_config('lock_timeout', $1, false)`

/**
 * What a session on the source, and HQ, are to a comparison that needs no other session.
 * @throws {UndecidedError} where no relay has worked in this life of the source.
 */
export async function sidesOf(
  client: pg.Client,
  { stopping, ...context }: ReconcileContext,
): Promise<Sides> {
  const { patienceMs = PATIENCE_MS } = context
  const epoch = await readEpoch(client)
  const hq = new HqClient({ ...context, patienceMs, stopping })
  return { scan: client, side: client, hq, epoch, patienceMs, stopping }
}

/** The sides of a scope of sessions, and what opens another one. */
interface Opened extends OpenedSides {
  readonly open: (purpose: string, settings: SessionSettings) => Promise<pg.Client>
}

async function withSide<T>(
  context: ReconcileContext,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const { databaseUrl, log, stopping, patienceMs = PATIENCE_MS } = context
  await using scope = new SessionScope(databaseUrl, log, stopping)
  async function open(purpose: string, settings: SessionSettings): Promise<pg.Client> {
    const client = await scope.connect(purpose, settings)
    scope.hold(endWhenStopped(client, stopping))
    await client.query(BOUND_WAITS, [String(patienceMs)])
    return client
  }
  try {
    const side = await open('reconcile', LED_SESSION)
    await dxMigrations.assertApplied(side)
    await assertPrimary(side)
    await assertSeesAll(side)
    const binding = await readBinding(side)
    if (binding === undefined) throw new UndecidedError('nothing is bound')
    const sides = await sidesOf(side, { ...context, stopping: scope.stopping })
    return await work({ sides, binding, open })
  } catch (error) {
    // Its sessions have been ended, in the middle of whatever they did.
    throw stopping.aborted ? new UndecidedError(STOPPED, { cause: error }) : error
  }
}

/**
 * Runs `work` with a session on the source, which ends with it: enough to compare keys.
 * @throws where the source cannot be used at all, or nothing is bound.
 * @throws {UndecidedError} where no relay has worked in this life of the source.
 */
export function withKeySides<T>(
  context: ReconcileContext,
  work: (opened: OpenedSides) => Promise<T>,
): Promise<T> {
  return withSide(context, work)
}

/**
 * Runs `work` with two sessions on the source, which end with it: one that holds snapshots, one
 * that sees what happens meanwhile.
 * @throws as {@link withKeySides}.
 */
export function withSides<T>(
  context: ReconcileContext,
  work: (opened: OpenedSides) => Promise<T>,
): Promise<T> {
  return withSide(context, async ({ sides, binding, open }) => {
    const scan = await open('reconcile scan', SCAN_SESSION)
    return work({ sides: { ...sides, scan }, binding })
  })
}
