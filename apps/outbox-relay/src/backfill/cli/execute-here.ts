import { BatchSizer } from '../../flow-control/batch-sizer.ts'
import { CircuitBreaker } from '../../flow-control/circuit-breaker.ts'
import { MAX_IN_FLIGHT } from '../../flow-control/in-flight.ts'
import { Restraint } from '../../flow-control/restraint.ts'
import { checkReady } from '../../http/check-ready.ts'
import { Pool } from '../../http/pool.ts'
import { establishEpoch } from '../../incarnation/epoch.ts'
import type { RelayConfig } from '../../process/config.ts'
import type { Logger } from '../../process/log.ts'
import { connect } from '../../session/connect.ts'
import { SEES_ALL } from '../../session/hidden-tables.ts'
import { executeBackfills } from '../backfiller.ts'
import type { BackfillEnd } from '../run-backfill.ts'

/** As in the relay: an attempt without an answer for this long is given up and made again. */
const REQUEST_TIMEOUT_MS = 60_000
/** How long attempts under way may take once the work is to stop. */
const STOP_GRACE_MS = 2_000

/** What a command needs to execute a backfill by itself. */
export interface ExecuteHereContext {
  readonly config: RelayConfig
  readonly log: Logger
  readonly stopping: AbortSignal
}

/**
 * Executes recorded backfills in this process, up to `lastId`, with all attempts that HQ takes: no
 * live change goes through this gate.
 *
 * It names the life of the server as a relay does. If that is a new one, everything retained is
 * sent again by the next relay.
 * @returns undefined where another process executes them already; else how the last one ended.
 */
export async function executeHere(
  context: ExecuteHereContext,
  lastId: string,
): Promise<BackfillEnd | 'none' | undefined> {
  const { config, log, stopping } = context
  const { databaseUrl, ingestUrl, source, signingKeys, compression } = config
  const pool = new Pool(ingestUrl, {
    connections: MAX_IN_FLIGHT + 1,
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: REQUEST_TIMEOUT_MS,
  })
  const aborting = new AbortController()
  const breaker = new CircuitBreaker(MAX_IN_FLIGHT, () => checkReady(pool, aborting.signal))
  let grace: NodeJS.Timeout | undefined
  const onStop = () => {
    grace = setTimeout(() => aborting.abort(), STOP_GRACE_MS)
  }
  stopping.addEventListener('abort', onStop, { once: true })
  try {
    const client = await connect(databaseUrl, 'command', () => {}, SEES_ALL)
    const { epoch } = await establishEpoch(client).finally(() => client.end())
    return await executeBackfills({
      databaseUrl,
      log,
      stopping,
      lastId,
      delivery: {
        pool,
        breaker,
        sizer: new BatchSizer(),
        keys: signingKeys,
        compression,
        origin: { source, epoch },
        log,
        stopping,
        aborting: aborting.signal,
        restraint: new Restraint(),
      },
      onAccepted: () => {},
    })
  } finally {
    stopping.removeEventListener('abort', onStop)
    clearTimeout(grace)
    breaker.close()
    await pool.close()
  }
}
