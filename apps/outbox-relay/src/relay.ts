import { setTimeout as delay } from 'node:timers/promises'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { MigrationStateError } from '@hq-export/runtime/postgres/migrations.ts'
import { SessionSettingsError } from '@hq-export/runtime/postgres/session.ts'
import { Pool } from 'undici'
import type { Settlement } from './acknowledge/acknowledge-outcome.ts'
import { Backfiller } from './backfill/backfiller.ts'
import { DeliveryStoppedError } from './batch/delivery-stopped.ts'
import { warnUnbound } from './binding/warn-unbound.ts'
import { NOT_IN_TIME } from './dead-letter/dead-letter.ts'
import type { DeliveryContext } from './delivery/delivery-context.ts'
import { NotifyListener } from './doorbell/notify-listener.ts'
import { backoffMs } from './flow-control/backoff.ts'
import { BatchSizer } from './flow-control/batch-sizer.ts'
import { CircuitBreaker } from './flow-control/circuit-breaker.ts'
import { MAX_IN_FLIGHT } from './flow-control/in-flight.ts'
import { Restraint } from './flow-control/restraint.ts'
import { checkReady } from './http/check-ready.ts'
import { NO_METRICS, type RelayMetrics } from './observe/relay-metrics.ts'
import type { RelayProgress, RelayState } from './observe/relay-progress.ts'
import { establishEpoch } from './outbox/epoch.ts'
import { HEARTBEAT_PERIOD_MS, Heartbeat } from './outbox/heartbeat.ts'
import { placeSequences, raiseSequences } from './outbox/mend-sequences.ts'
import type { RelayConfig } from './process/config.ts'
import type { Logger } from './process/log.ts'
import { ParkedRows } from './push/parked-rows.ts'
import { type PushTiming, pushChanges } from './push-changes.ts'
import { connect } from './session/connect.ts'
import { assertSeesAll } from './session/hidden-tables.ts'
import {
  keepLead,
  LEAD_SESSION,
  LED_SESSION,
  STANDBY_RETRY_MS,
  STRANGERS_NOTICE,
  tryLead,
} from './session/lead.ts'
import { dxMigrations } from './session/migrations.ts'
import { RepairSession } from './session/repair-session.ts'

/** How long a stopping relay lets attempts under way finish before it cuts them off. */
const STOP_GRACE_MS = 20_000
/** An attempt without an answer for this long is given up and made again. */
const REQUEST_TIMEOUT_MS = 60_000

/** Settings of the work itself. */
export type WorkConfig = Omit<RelayConfig, 'metricsPort' | 'logLevel' | 'alertWebhookUrl'>

/** What a relay can do without, or takes from elsewhere in tests. */
export interface RelayOptions {
  readonly metrics?: RelayMetrics
  readonly heartbeatMs?: number
  readonly timing?: PushTiming
  /**
   * Works beside the leader: two at once must be harmless, and so it must be possible to have two
   * at once.
   */
  readonly ignoresLead?: boolean
}

/** The database cannot be used by a relay at all: no retry helps. */
export class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError'
}

/**
 * Pushes every committed change from the outbox to HQ. `start()` returns at once; the relay
 * connects, waits for the lead, works, and starts over whenever a session is lost, until `stop()`.
 */
export class Relay {
  readonly #config: WorkConfig
  readonly #log: Logger
  readonly #options: RelayOptions
  readonly #stopping = new AbortController()
  readonly #aborting = new AbortController()
  #running: Promise<void> | undefined
  #state: RelayState = 'stopped'
  #haltReason: string | undefined
  // Outlives a session: what HQ was found to take does not change with a connection of ours.
  readonly #sizer = new BatchSizer()
  readonly #restraint = new Restraint()
  readonly #heartbeat: Heartbeat
  #settledRows = 0
  #settledBatches = 0
  #lastTickAtMs: number | undefined
  #lastSettledAtMs: number | undefined
  #breaker: CircuitBreaker | undefined

  constructor(config: WorkConfig, log: Logger, options: RelayOptions = {}) {
    this.#config = config
    this.#log = log
    this.#options = options
    this.#heartbeat = new Heartbeat(options.heartbeatMs ?? HEARTBEAT_PERIOD_MS)
  }

  get progress(): RelayProgress {
    return {
      state: this.#haltReason === undefined ? this.#state : 'halted',
      haltReason: this.#haltReason,
      settledRows: this.#settledRows,
      settledBatches: this.#settledBatches,
      lastTickAtMs: this.#lastTickAtMs,
      lastSettledAtMs: this.#lastSettledAtMs,
      breaker: this.#breaker?.state,
      heartbeat: this.#heartbeat.echoed,
      heartbeatWrittenAt: this.#heartbeat.echoedWrittenAt,
    }
  }

  /** Begins; a second call changes nothing. */
  start(): void {
    this.#running ??= this.#run()
  }

  /**
   * Resolves when the relay has ended: after {@link stop}, or by rejecting with a fault that no
   * retry mends (wrong migrations, settings that do not arrive).
   */
  async ended(): Promise<void> {
    await this.#running
  }

  /** Finishes what is in flight and ends. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const grace = setTimeout(() => this.#aborting.abort(), STOP_GRACE_MS)
    try {
      // Whoever awaits ended() gets the fault; a stop only waits.
      await this.#running?.catch(() => {})
    } finally {
      clearTimeout(grace)
      this.#state = 'stopped'
    }
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopping.signal.aborted; ) {
      try {
        await this.#session(() => {
          failures = 0
        })
      } catch (error) {
        if (error instanceof MigrationStateError || error instanceof SessionSettingsError)
          throw error
        if (this.#stopping.signal.aborted) break
        failures++
        const pauseMs = Math.max(100, backoffMs(failures, undefined))
        const { code } = error as { code?: string }
        this.#log.warn(
          { code, reason: describeError(error), pauseMs },
          'data-engine-x cannot be used now; trying again',
        )
        this.#state = 'connecting'
        await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {})
      }
    }
    this.#state = 'stopped'
  }

  /** One life of the connections: ends when the relay stops, throws when one of them is lost. */
  async #session(onWorking: () => void): Promise<void> {
    const { databaseUrl, ingestUrl, source } = this.#config
    this.#state = 'connecting'
    const lost = new AbortController()
    const stopping = AbortSignal.any([this.#stopping.signal, lost.signal])
    const onLost = (error: Error) => lost.abort(error)

    const leader = await connect(databaseUrl, 'lead', onLost, LEAD_SESSION)
    const listener = new NotifyListener(databaseUrl, this.#log, onLost)
    const pool = new Pool(ingestUrl, {
      // One more than batches in flight, so that HQ can be asked whether it is ready.
      connections: MAX_IN_FLIGHT + 1,
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    })
    const breaker = new CircuitBreaker(MAX_IN_FLIGHT, () => checkReady(pool, this.#aborting.signal))
    const { metrics = NO_METRICS, timing } = this.#options
    // Whatever ends the session ends a wait for the doorbell, too.
    const wakeOnStop = () => listener.ring()
    stopping.addEventListener('abort', wakeOnStop)
    let client: Awaited<ReturnType<typeof connect>> | undefined
    let stopPings = () => {}
    let backfiller: Backfiller | undefined
    let parkedRows: ParkedRows | undefined
    try {
      await dxMigrations.assertApplied(leader)
      await this.#assertPrimary(leader)
      await assertSeesAll(leader)
      const lead = await this.#waitForLead(leader, stopping)
      if (lead === undefined) return
      stopPings = keepLead(leader, lead.key, onLost)
      client = await connect(databaseUrl, 'push', onLost, LED_SESSION)
      const { raised, isNumberedTwice } = await raiseSequences(client)
      if (raised.length > 0)
        this.#log.warn({ sequences: raised }, 'sequences were behind their tables; set above them')
      const { epoch, isNew } = await establishEpoch(client, isNumberedTwice)
      await placeSequences(client)
      if (isNew) this.#log.info({ epoch }, 'new life of the source server; sending what it retains')
      await listener.start()

      const sessionClient = client
      const side = new RepairSession(databaseUrl)
      const delivery: DeliveryContext = {
        pool,
        breaker,
        sizer: this.#sizer,
        keys: this.#config.signingKeys,
        compression: this.#config.compression,
        origin: { source, epoch },
        log: this.#log,
        stopping,
        aborting: this.#aborting.signal,
        restraint: this.#restraint,
        onAttempt: metrics.attempted,
        onHalt: (reason) => {
          this.#haltReason = reason
        },
      }
      const onAccepted: Settlement['onAccepted'] = (batch, answer) => {
        metrics.settled(batch, answer)
        this.#settledRows += batch.rowCount
        this.#settledBatches++
        this.#lastSettledAtMs = Date.now()
      }
      const settlement: Settlement = {
        run: (work) => work(sessionClient),
        transact: (work) => side.run(work),
        mayRace: true,
        log: this.#log,
        onAccepted,
        onDeadLetters: (letters) => {
          metrics.deadLettered(letters)
          if (letters.some(({ reason }) => reason === NOT_IN_TIME)) parkedRows?.wake()
        },
      }
      this.#state = 'working'
      this.#breaker = breaker
      this.#log.info({ epoch, source }, 'working')
      await warnUnbound(client, this.#log)
      onWorking()
      backfiller = new Backfiller({
        databaseUrl,
        delivery: { ...delivery, rank: 'backfill' },
        onAccepted,
        log: this.#log,
        stopping,
      })
      backfiller.start()
      parkedRows = new ParkedRows(side, delivery, onAccepted)
      parkedRows.start()
      const onTick = () => {
        this.#lastTickAtMs = Date.now()
      }
      const heartbeat = this.#heartbeat
      await pushChanges({
        client,
        epoch,
        listener,
        heartbeat,
        delivery: { ...delivery, settlement, metrics },
        stopping,
        onTick,
        timing,
      })
      if (lost.signal.aborted) throw lost.signal.reason
    } catch (error) {
      // What a loss broke is reported as the loss; a stop between two attempts is no fault at all.
      if (lost.signal.aborted) throw lost.signal.reason
      if (!(error instanceof DeliveryStoppedError)) throw error
    } finally {
      stopping.removeEventListener('abort', wakeOnStop)
      stopPings()
      this.#breaker = undefined
      // What halted this session is for the next one to find out again, if there is one.
      this.#haltReason = undefined
      lost.abort(new Error('session ended'))
      breaker.close()
      await this.#release([
        () => backfiller?.stop(),
        () => parkedRows?.ended(),
        () => listener.stop(),
        () => pool.close(),
        () => client?.end(),
        () => leader.end(),
      ])
    }
  }

  async #assertPrimary(client: Awaited<ReturnType<typeof connect>>): Promise<void> {
    const { rows } = await client.query<{ standby: boolean }>(
      'select pg_catalog.pg_is_in_recovery() as standby',
    )
    if (rows[0]?.standby) {
      throw new NotPrimaryError('data-engine-x is in recovery; the relay works on the primary only')
    }
  }

  /**
   * Stands by until this relay leads, under a key of its own unless it ignores the lead; undefined
   * if it is stopped first.
   */
  async #waitForLead(
    leader: Awaited<ReturnType<typeof connect>>,
    stopping: AbortSignal,
  ): Promise<{ readonly key: string | undefined } | undefined> {
    while (!stopping.aborted) {
      if (this.#options.ignoresLead) return { key: undefined }
      const { key, strangers } = await tryLead(leader)
      if (strangers.length > 0) this.#log.warn({ pids: strangers }, STRANGERS_NOTICE)
      if (key !== undefined) return { key }
      if (this.#state !== 'standby') this.#log.info('another relay works; standing by')
      this.#state = 'standby'
      await delay(STANDBY_RETRY_MS, undefined, { signal: stopping }).catch(() => {})
    }
    return undefined
  }

  /** Releases everything, whatever fails: what cannot be closed is gone already. */
  async #release(releases: readonly (() => Promise<unknown> | undefined)[]): Promise<void> {
    for (const release of releases) {
      await Promise.resolve(release()).catch((error: unknown) => {
        this.#log.debug({ reason: describeError(error) }, 'closing what was lost')
      })
    }
  }
}
