import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import { WindowOutcomes } from './balance/window-outcomes.ts'
import { canRing, disarm } from './doorbell/doorbell.ts'
import { noteLosses } from './doorbell/note-losses.ts'
import type { NotifyListener } from './doorbell/notify-listener.ts'
import { type Pusher, SLEEP_TIMING, Sleeper, type SleepTiming } from './doorbell/sleeper.ts'
import { WindowPace } from './flow-control/window-pace.ts'
import { type Ack, readAck } from './outbox/ack.ts'
import { compactAcks } from './outbox/compact-acks.ts'
import { countCaptured } from './outbox/count-captured.ts'
import type { Beat, Heartbeat } from './outbox/heartbeat.ts'
import type { Window } from './outbox/read-window.ts'
import { isLarge, ROTATION_PERIOD_MS, rotate, TURNS_TO_EMPTY } from './outbox/rotate.ts'
import { tickWithRows } from './outbox/small-window.ts'
import type { Snapshot } from './outbox/tick.ts'
import { type DeliveredWindow, deliverWindow, type WindowContext } from './push/deliver-window.ts'
import { WindowAcks } from './push/window-acks.ts'
import { Reexporter } from './reexport/reexporter.ts'
import { assertSeesAll } from './session/hidden-tables.ts'
import { Settler } from './settle/settler.ts'
import { openWindowTrace, type WindowTracing } from './tracing/window-trace.ts'

/** How often the loop does what nobody asks it to, in milliseconds. */
export interface PushTiming extends SleepTiming {
  readonly rotationPeriodMs: number
}

/** What a relay runs with; only tests have reasons for anything else. */
export const PUSH_TIMING: PushTiming = { ...SLEEP_TIMING, rotationPeriodMs: ROTATION_PERIOD_MS }

/** What the loop works with, for as long as one set of sessions lives. */
export interface PushContext {
  /** Cuts and reads windows, and runs the loop's own transactions. */
  readonly client: pg.ClientBase
  /**
   * Acks, while the other is at work. Single statements alone: what a window on its way says must
   * not be part of a transaction of the loop, which may roll back.
   */
  readonly acknowledger: pg.ClientBase
  readonly epoch: string
  readonly listener: NotifyListener
  readonly heartbeat: Heartbeat
  readonly delivery: WindowContext
  /** Aborted when the relay stops or a session is lost. */
  readonly stopping: AbortSignal
  /** Called after every tick: the loop lives. */
  readonly onTick: () => void
  readonly timing?: PushTiming | undefined
}

/** Windows that are on their way at once. */
const MAX_WINDOWS = 4
/**
 * Between two looks into the outbox while what was found there before is on its way, unless
 * somebody rings.
 */
const NEXT_LOOK_MS = 2

/**
 * The relay's loop: tick, deliver the window, ack; sleep when a window was empty and none is on its
 * way. Returns when `stopping` is aborted between windows; throws what a window throws.
 */
export async function pushChanges(context: PushContext): Promise<void> {
  const { client, epoch, listener, stopping, timing = PUSH_TIMING } = context
  const loop = new PushLoop(context, await readAck(client, epoch), timing.rotationPeriodMs)
  const isRingable = await canRing(client)
  const sleeper = new Sleeper(client, listener, stopping, timing)
  try {
    while (!stopping.aborted) {
      if ((await loop.push(!isRingable)) !== 'nothing') continue
      if (isRingable) await sleeper.sleep(loop.idle)
      else await listener.wait(timing.pollMs)
    }
  } finally {
    await loop.drain()
  }
  loop.throwFailure()
  await disarm(client)
}

/** A window that was delivered. */
interface Delivered {
  readonly window: Window
  readonly trace: WindowTracing
  /** Rows that it had. */
  readonly count: number
  readonly outcomes: WindowOutcomes
  /** The heartbeat that it may have had. */
  readonly beat: Beat | undefined
}

/**
 * Where the loop stands, and one turn of it.
 *
 * Windows overlap: while one is at HQ, the next is cut where it ended. A window is acked when all
 * before it are, so an ack says of everything visible in it that it is settled; a relay that dies
 * sends whatever was on its way again. HQ decides by version and by key, so it may get windows in
 * another order than they were cut in. Only a small window, which its tick has read, is left on its
 * way: a large one is read in pages, and its batches overlap by themselves.
 */
class PushLoop {
  readonly #context: PushContext
  readonly #settler: Settler
  readonly #reexporter: Reexporter
  readonly #rotationPeriodMs: number
  readonly #acks: WindowAcks
  readonly #pace = new WindowPace()
  /** Where the next window begins. */
  #from: Snapshot
  /** Windows on their way, the oldest first; each ends when it is settled, to be acked. */
  readonly #underWay: Promise<void>[] = []
  /** What ended a window before its ack. */
  #failure: { readonly error: unknown } | undefined
  #rotatedAt = performance.now()
  // Heartbeats alone turn nothing: at rest no table is truncated, which a standby would have to
  // replay.
  #turnsDue = 0

  constructor(context: PushContext, ack: Ack, rotationPeriodMs: number) {
    this.#context = context
    this.#settler = new Settler(context.client, context.delivery.log)
    this.#reexporter = new Reexporter(context.client, context.delivery.log)
    this.#rotationPeriodMs = rotationPeriodMs
    this.#acks = new WindowAcks(context.acknowledger, context.epoch, ack, (error) => {
      this.#failure ??= { error }
    })
    this.#from = ack.acked
  }

  /** The turns of a relay that has nothing else to do. */
  readonly idle: Pusher = {
    push: (isIdle) => this.push(isIdle),
    underWay: () => this.#nextArrival,
    waitMs: () => Math.min(this.#settler.waitMs, this.#reexporter.waitMs),
  }

  /**
   * One turn. @param isIdle nothing else is to be done: look at the settle list, too, and at
   * the keys to send again.
   * @returns whether the window had rows that somebody else had written; or that the relay
   * itself added to; or that an earlier one is on its way still.
   */
  async push(isIdle: boolean): Promise<'nothing' | 'settled' | 'changes'> {
    const { client, listener, heartbeat, stopping } = this.#context
    const waitMs = this.#pace.waitMs(performance.now())
    if (waitMs > 0) await pause(waitMs, stopping)
    listener.reset()
    const hasSettled = await this.#settler.step(isIdle)
    const hasReexported = await this.#reexporter.step(isIdle)
    const hasBeaten = await heartbeat.beat(client)
    const rows = await this.#pushWindow()
    const isChanged = rows > (hasBeaten ? 1 : 0)
    if (isChanged) this.#turnsDue = TURNS_TO_EMPTY
    if (performance.now() - this.#rotatedAt >= this.#rotationPeriodMs) await this.#keepOutbox()
    if (isChanged) return hasSettled || hasReexported ? 'settled' : 'changes'
    return this.#nextArrival === undefined ? 'nothing' : 'settled'
  }

  /** Resolves when the oldest window on its way is settled, or else all acks are written. */
  get #nextArrival(): Promise<void> | undefined {
    return this.#underWay[0] ?? this.#acks.pending
  }

  /** Resolves when no window is on its way, and what is settled is acked. */
  async drain(): Promise<void> {
    while (this.#underWay.length > 0) await this.#underWay[0]
    await this.#acks.flush()
  }

  /** Sends what became visible since the last window was cut. @returns its rows. */
  async #pushWindow(): Promise<number> {
    const { client, listener, heartbeat, onTick } = this.#context
    await this.#makeRoom()
    const trace = openWindowTrace()
    const from = this.#from
    const beat = heartbeat.sent
    const askedAtMs = performance.now()
    const { to, rows } = await trace.step('tick', () => tickWithRows(client, from))
    onTick()
    const cutAtMs = performance.now()
    const window: Window = { from, to, rows }
    this.#from = to
    if (rows === undefined) {
      // Pages are read while its batches are on their way, by the same session that ticks.
      await this.drain()
      const outcomes = new WindowOutcomes()
      const { rowCount: count, readMs } = await this.#deliver(trace, window, outcomes)
      this.#pace.noteLarge(cutAtMs, cutAtMs - askedAtMs + readMs)
      this.#settle({ window, trace, count, outcomes, beat })
      await this.#acks.flush()
      this.throwFailure()
      return count
    }
    this.#pace.noteSmall()
    if (rows.length === 0) {
      this.#context.delivery.metrics.windowDelivered(0)
      if (this.#underWay.length === 0) heartbeat.echo(beat)
      const arriving = this.#nextArrival
      if (arriving) await Promise.race([arriving, listener.wait(NEXT_LOOK_MS)])
      return 0
    }
    const before = this.#underWay.at(-1)
    const outcomes = new WindowOutcomes()
    const way = this.#deliver(trace, window, outcomes)
      .then(async ({ rowCount: count }) => {
        await before
        this.#settle({ window, trace, count, outcomes, beat })
      })
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#underWay.splice(this.#underWay.indexOf(way), 1)
      })
    this.#underWay.push(way)
    return rows.length
  }

  /** Waits while as many windows are on their way as may be; throws what has ended one. */
  async #makeRoom(): Promise<void> {
    while (this.#underWay.length >= MAX_WINDOWS) await this.#underWay[0]
    this.throwFailure()
    if (!this.#acks.isOvertaken) return
    await this.drain()
    this.throwFailure()
    this.#from = (await this.#acks.read(this.#context.client)).acked
  }

  /** @throws what has ended a window before its ack. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #deliver(
    trace: WindowTracing,
    window: Window,
    outcomes: WindowOutcomes,
  ): Promise<DeliveredWindow> {
    const { client, delivery } = this.#context
    return trace.deliver(() => deliverWindow(client, window, delivery, outcomes))
  }

  /** Everything of a window, and of all before it, is settled: it is acked, soon. */
  #settle({ window, trace, count, outcomes, beat }: Delivered): void {
    const { heartbeat, delivery } = this.#context
    // One that came before ended without an ack: this one may not have one either.
    const mayBeAcked = this.#failure === undefined
    if (mayBeAcked) {
      heartbeat.echo(beat)
      delivery.metrics.windowDelivered(count)
    }
    if (mayBeAcked && count > 0) this.#acks.add({ to: window.to, outcomes, trace })
    else trace.end()
  }

  /** What keeps the outbox small, and counts what captures could not write. */
  async #keepOutbox(): Promise<void> {
    const { client } = this.#context
    this.#rotatedAt = performance.now()
    await assertSeesAll(client)
    await countCaptured(client)
    const isDue = this.#turnsDue > 0 || (await isLarge(client))
    if (isDue && (await rotate(client, this.#acks.last))) this.#turnsDue--
    await compactAcks(client)
    await noteLosses(client)
  }
}
