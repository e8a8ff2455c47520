import { describeError } from '@hq-export/runtime/describe-error.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import { MigrationStateError } from '@hq-export/runtime/postgres/migrations.ts'
import { SessionSettingsError } from '@hq-export/runtime/postgres/session.ts'
import type { Service } from '@hq-export/runtime/service.ts'
import type { Settlement } from './acknowledge/acknowledge-outcome.ts'
import { Backfiller } from './backfill/backfiller.ts'
import { DeliveryStoppedError } from './batch/delivery-stopped.ts'
import { warnBinding } from './binding/warn-binding.ts'
import { NOT_IN_TIME } from './dead-letter/dead-letter.ts'
import type { DeliveryContext } from './delivery/delivery-context.ts'
import { NotifyListener } from './doorbell/notify-listener.ts'
import { backoffMs } from './flow-control/backoff.ts'
import { BatchSizer } from './flow-control/batch-sizer.ts'
import { CircuitBreaker } from './flow-control/circuit-breaker.ts'
import { MAX_IN_FLIGHT } from './flow-control/in-flight.ts'
import { Restraint } from './flow-control/restraint.ts'
import { type CompleteThrough, FreshnessReporter } from './freshness/freshness-reporter.ts'
import { checkReady } from './http/check-ready.ts'
import { Pool } from './http/pool.ts'
import { prepareOutbox } from './incarnation/prepare-outbox.ts'
import { NO_METRICS, type RelayMetrics } from './observe/relay-metrics.ts'
import type { RelayProgress, RelayState } from './observe/relay-progress.ts'
import { HEARTBEAT_PERIOD_MS, Heartbeat } from './outbox/heartbeat.ts'
import { WaitingRows } from './outbox/waiting-rows.ts'
import type { RelayConfig } from './process/config.ts'
import type { Logger } from './process/log.ts'
import { ParkedRows } from './push/parked-rows.ts'
import { type PushTiming, pushChanges } from './push-changes.ts'
import { Follower, followerTiming } from './reconcile/follow/follower.ts'
import type { ReconcileContext } from './reconcile/reconcile-context.ts'
import { createHqPool } from './reconcile/record/hq-pool.ts'
import { Reconciler } from './reconcile/schedule/reconciler.ts'
import { assertPrimary } from './session/assert-primary.ts'
import { assertSeesAll } from './session/hidden-tables.ts'
import { keepLead, LEAD_SESSION, LED_SESSION } from './session/lead.ts'
import { dxMigrations } from './session/migrations.ts'
import { RepairSession } from './session/repair-session.ts'
import { SessionScope } from './session/session-scope.ts'
import { waitForLead } from './session/wait-for-lead.ts'

/** How long a stopping relay lets attempts under way finish before it cuts them off. */
const STOP_GRACE_MS = 20_000
/** An attempt without an answer for this long is given up and made again. */
const REQUEST_TIMEOUT_MS = 60_000

/** Settings of the work itself. */
export type WorkConfig = Omit<RelayConfig, 'metricsPort' | 'logLevel' | 'alertWebhookUrl'>

/** What a relay can do without, or takes from elsewhere in tests. */
export interface RelayOptions {
  readonly metrics?: RelayMetrics
  /** What this process knows of the rows that wait. */
  readonly waiting?: WaitingRows
  readonly heartbeatMs?: number
  readonly timing?: PushTiming
  /**
   * Works beside the leader: two at once must be harmless, and so it must be possible to have two
   * at once.
   */
  readonly ignoresLead?: boolean
}

/**
 * Pushes every committed change from the outbox to HQ. `start()` returns at once; the relay
 * connects, waits for the lead, works, and starts over whenever a session is lost, until `stop()`.
 */
export class Relay implements Service {
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
  #completeThrough: CompleteThrough = new Map()

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
      completeThrough: this.#completeThrough,
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
        await pause(pauseMs, this.#stopping.signal)
      }
    }
    this.#state = 'stopped'
  }

  /** One life of the connections: ends when the relay stops, throws when one of them is lost. */
  async #session(onWorking: () => void): Promise<void> {
    this.#state = 'connecting'
    await using scope = new SessionScope(this.#config.databaseUrl, this.#log, this.#stopping.signal)
    try {
      if (!(await this.#lead(scope))) return
      await this.#work(scope, onWorking)
    } catch (error) {
      // What a loss broke is reported as the loss; a stop between two attempts is no fault at all.
      scope.throwIfLost()
      if (!(error instanceof DeliveryStoppedError)) throw error
    }
    scope.throwIfLost()
  }

  /** Leads, as soon as no other relay does. False if this relay is stopped first. */
  async #lead(scope: SessionScope): Promise<boolean> {
    const leader = await scope.connect('lead', LEAD_SESSION)
    await dxMigrations.assertApplied(leader)
    await assertPrimary(leader)
    await assertSeesAll(leader)
    let key: string | undefined
    if (!this.#options.ignoresLead) {
      key = await waitForLead(leader, this.#log, scope.stopping, () => {
        this.#state = 'standby'
      })
      if (key === undefined) return false
    }
    scope.hold(keepLead(leader, key, scope.onLost))
    return true
  }

  /** Works under the lead until the scope's `stopping`. */
  async #work(scope: SessionScope, onWorking: () => void): Promise<void> {
    const { databaseUrl, source } = this.#config
    const { stopping } = scope
    const client = await scope.connect('push', LED_SESSION)
    const acknowledger = await scope.connect('acknowledge', LED_SESSION)
    const epoch = await prepareOutbox(client, this.#log)
    const listener = await this.#listen(scope)
    const side = new RepairSession(databaseUrl)
    const freshness = this.#createFreshness(scope, epoch)
    const delivery = this.#createDelivery(scope, { source, epoch })
    const { metrics = NO_METRICS } = this.#options
    const onAccepted: Settlement['onAccepted'] = (batch, answer) => {
      metrics.settled(batch, answer)
      this.#settledRows += batch.rowCount
      this.#settledBatches++
      this.#lastSettledAtMs = Date.now()
    }
    const parkedRows = new ParkedRows(side, delivery, onAccepted)
    const settlement: Settlement = {
      run: (work) => work(acknowledger),
      transact: (work) => side.run(work),
      mayRace: true,
      log: this.#log,
      onAccepted,
      onDeadLetters: (letters) => {
        metrics.deadLettered(letters)
        if (letters.some(({ reason }) => reason === NOT_IN_TIME)) parkedRows.wake()
      },
      onSentAgain: () => freshness.noteRepair(),
    }
    this.#state = 'working'
    this.#breaker = delivery.breaker
    scope.hold(() => this.#forgetDelivery())
    this.#log.info({ epoch, source }, 'working')
    await warnBinding(client, this.#log)
    onWorking()

    const backfiller = new Backfiller({
      databaseUrl,
      delivery: { ...delivery, rank: 'backfill' },
      onAccepted,
      log: this.#log,
      stopping,
    })
    scope.hold(() => parkedRows.ended())
    scope.hold(() => backfiller.stop())
    backfiller.start()
    parkedRows.start()
    this.#startReconciling(scope, epoch)
    freshness.start()
    await pushChanges({
      client,
      acknowledger,
      epoch,
      listener,
      heartbeat: this.#heartbeat,
      delivery: { ...delivery, settlement, metrics },
      stopping,
      onTick: () => {
        this.#lastTickAtMs = Date.now()
      },
      timing: this.#options.timing,
    })
  }

  /** Hears the doorbell. */
  async #listen(scope: SessionScope): Promise<NotifyListener> {
    const listener = new NotifyListener(this.#config.databaseUrl, this.#log, scope.onLost)
    scope.hold(() => listener.stop())
    // Whatever ends the session ends a wait for the doorbell, too.
    scope.stopping.addEventListener('abort', () => listener.ring())
    await listener.start()
    return listener
  }

  /** Tells HQ beside the push how far it is complete, on a session and connections of its own. */
  #createFreshness(scope: SessionScope, epoch: string): FreshnessReporter {
    const { databaseUrl, ingestUrl, signingKeys, source } = this.#config
    const pool = createHqPool(ingestUrl)
    scope.hold(() => pool.destroy())
    const reporter = new FreshnessReporter({
      databaseUrl,
      pool,
      keys: signingKeys,
      source,
      epoch,
      log: this.#log,
      stopping: scope.stopping,
      waiting: this.#options.waiting ?? new WaitingRows(),
      settledBatches: () => this.#settledBatches,
      onStored: (completeThrough) => {
        this.#completeThrough = completeThrough
      },
    })
    scope.hold(() => reporter.stop())
    return reporter
  }

  /** Compares with HQ beside the push, on sessions and connections of its own. */
  #startReconciling(scope: SessionScope, epoch: string): void {
    const { databaseUrl, ingestUrl, signingKeys, source, reconcileAt, followSeconds } = this.#config
    if (reconcileAt === undefined && followSeconds === undefined) return
    const pool = createHqPool(ingestUrl)
    scope.hold(() => pool.destroy())
    const context: ReconcileContext = {
      databaseUrl,
      pool,
      keys: signingKeys,
      source,
      log: this.#log,
      stopping: scope.stopping,
    }
    if (reconcileAt !== undefined) {
      const reconciler = new Reconciler(context, reconcileAt)
      scope.hold(() => reconciler.stop())
      reconciler.start()
    }
    if (followSeconds !== undefined) {
      const follower = new Follower(context, epoch, followerTiming(followSeconds))
      scope.hold(() => follower.stop())
      follower.start()
    }
  }

  /** What halted this session is for the next one to find out again, if there is one. */
  #forgetDelivery(): void {
    this.#breaker = undefined
    this.#haltReason = undefined
  }

  /** How rows reach HQ in this session. */
  #createDelivery(scope: SessionScope, origin: DeliveryContext['origin']): DeliveryContext {
    const { metrics = NO_METRICS } = this.#options
    const pool = new Pool(this.#config.ingestUrl, {
      // One more than batches in flight, so that HQ can be asked whether it is ready.
      connections: MAX_IN_FLIGHT + 1,
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    })
    scope.hold(() => pool.close())
    const breaker = new CircuitBreaker(MAX_IN_FLIGHT, () => checkReady(pool, this.#aborting.signal))
    scope.hold(() => breaker.close())
    return {
      pool,
      breaker,
      sizer: this.#sizer,
      keys: this.#config.signingKeys,
      compression: this.#config.compression,
      origin,
      log: this.#log,
      stopping: scope.stopping,
      aborting: this.#aborting.signal,
      restraint: this.#restraint,
      onAttempt: metrics.attempted,
      onHalt: (reason) => {
        this.#haltReason = reason
      },
    }
  }
}
