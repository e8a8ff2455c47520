import type pg from 'pg'
import { deliverWindow } from './delivery/deliver-window.ts'
import type { DeliveryContext } from './delivery/delivery-context.ts'
import { canRing, disarm } from './doorbell/doorbell.ts'
import { noteLosses } from './doorbell/note-losses.ts'
import type { NotifyListener } from './doorbell/notify-listener.ts'
import { type Pusher, SLEEP_TIMING, Sleeper, type SleepTiming } from './doorbell/sleeper.ts'
import { type Ack, readAck, writeAck } from './outbox/ack.ts'
import { compactAcks } from './outbox/compact-acks.ts'
import type { Heartbeat } from './outbox/heartbeat.ts'
import { isLarge, ROTATION_PERIOD_MS, rotate, TURNS_TO_EMPTY } from './outbox/rotate.ts'
import { type Snapshot, takeTick } from './outbox/tick.ts'
import { assertSeesAll } from './session/hidden-tables.ts'
import { Settler } from './settle/settler.ts'
import { openWindowTrace } from './tracing/window-trace.ts'

/** How often the loop does what nobody asks it to, in milliseconds. */
export interface PushTiming extends SleepTiming {
  readonly rotationPeriodMs: number
}

/** What a relay runs with; only tests have reasons for anything else. */
export const PUSH_TIMING: PushTiming = { ...SLEEP_TIMING, rotationPeriodMs: ROTATION_PERIOD_MS }

/** What the loop works with, for as long as one set of sessions lives. */
export interface PushContext {
  readonly client: pg.ClientBase
  readonly epoch: string
  readonly listener: NotifyListener
  readonly heartbeat: Heartbeat
  readonly delivery: DeliveryContext
  /** Aborted when the relay stops or a session is lost. */
  readonly stopping: AbortSignal
  /** Called after every tick: the loop lives. */
  readonly onTick: () => void
  readonly timing?: PushTiming | undefined
}

/**
 * The relay's loop: tick, deliver the window, ack; sleep when a window was empty. Returns when
 * `stopping` is aborted between windows; throws what a window throws.
 */
export async function pushChanges(context: PushContext): Promise<void> {
  const { client, epoch, listener, stopping, timing = PUSH_TIMING } = context
  const loop = new PushLoop(context, await readAck(client, epoch), timing.rotationPeriodMs)
  const isRingable = await canRing(client)
  const sleeper = new Sleeper(client, listener, stopping, timing)
  while (!stopping.aborted) {
    if ((await loop.push(!isRingable)) !== 'nothing') continue
    if (isRingable) await sleeper.sleep(loop.idle)
    else await listener.wait(timing.pollMs)
  }
  await disarm(client)
}

/** Where the loop stands, and one turn of it. */
class PushLoop {
  readonly #context: PushContext
  readonly #settler: Settler
  readonly #rotationPeriodMs: number
  #ack: Ack
  /** Where the next window begins: the ack, or beyond it where windows were empty. */
  #from: Snapshot
  #rotatedAt = performance.now()
  // Heartbeats alone turn nothing: at rest no table is truncated, which a standby would have to
  // replay.
  #turnsDue = 0

  constructor(context: PushContext, ack: Ack, rotationPeriodMs: number) {
    this.#context = context
    this.#settler = new Settler(context.client, context.delivery.log)
    this.#rotationPeriodMs = rotationPeriodMs
    this.#ack = ack
    this.#from = ack.acked
  }

  /** The turns of a relay that has nothing else to do. */
  readonly idle: Pusher = { push: () => this.push(true), waitMs: () => this.#settler.waitMs }

  /**
   * One turn. @param isIdle nothing else is to be done: look at the settle list, too.
   * @returns whether the window had rows that somebody else had written; or that the settle list
   * added to.
   */
  async push(isIdle: boolean): Promise<'nothing' | 'settled' | 'changes'> {
    const { client, listener, heartbeat } = this.#context
    listener.reset()
    const hasSettled = await this.#settler.step(isIdle)
    const hasBeaten = await heartbeat.beat(client)
    const rows = await this.#pushWindow()
    const isChanged = rows > (hasBeaten ? 1 : 0)
    if (isChanged) this.#turnsDue = TURNS_TO_EMPTY
    if (performance.now() - this.#rotatedAt >= this.#rotationPeriodMs) await this.#keepOutbox()
    if (!isChanged) return 'nothing'
    return hasSettled ? 'settled' : 'changes'
  }

  /** Delivers what became visible since the last window, and acks it. @returns its rows. */
  async #pushWindow(): Promise<number> {
    const { client, epoch, heartbeat, delivery, onTick } = this.#context
    const trace = openWindowTrace()
    const from = this.#from
    const to = await trace.step('tick', () => takeTick(client))
    onTick()
    const rows = await trace.deliver(() => deliverWindow(client, { from, to }, delivery))
    heartbeat.echo()
    delivery.metrics.windowDelivered(rows)
    if (rows > 0) {
      const written = await trace.step('ack', () => writeAck(client, epoch, this.#ack, to))
      // Overtaken: another relay has acked. Go on from where it is; what both delivered, HQ
      // deduplicates.
      this.#ack = written ?? (await readAck(client, epoch))
      this.#from = this.#ack.acked
    } else {
      this.#from = to
    }
    trace.end()
    return rows
  }

  /** What keeps the outbox small, and counts what captures could not write. */
  async #keepOutbox(): Promise<void> {
    const { client } = this.#context
    this.#rotatedAt = performance.now()
    await assertSeesAll(client)
    const isDue = this.#turnsDue > 0 || (await isLarge(client))
    if (isDue && (await rotate(client, this.#ack))) this.#turnsDue--
    await compactAcks(client)
    await noteLosses(client)
  }
}
