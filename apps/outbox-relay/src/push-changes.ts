import type pg from 'pg'
import { deliverWindow } from './delivery/deliver-window.ts'
import type { DeliveryContext } from './delivery/delivery-context.ts'
import {
  arm,
  canRing,
  DOORBELL_EXPIRY_MS,
  DOORBELL_RENEWAL_MS,
  disarm,
  look,
  openWriters,
} from './doorbell/doorbell.ts'
import { noteLosses } from './doorbell/note-losses.ts'
import type { NotifyListener } from './doorbell/notify-listener.ts'
import { readAck, writeAck } from './outbox/ack.ts'
import { compactAcks } from './outbox/compact-acks.ts'
import type { Heartbeat } from './outbox/heartbeat.ts'
import { isLarge, ROTATION_PERIOD_MS, rotate, TURNS_TO_EMPTY } from './outbox/rotate.ts'
import { takeTick } from './outbox/tick.ts'
import { Reexporter } from './reexport/reexporter.ts'
import { assertSeesAll } from './session/hidden-tables.ts'
import { Settler } from './settle/settler.ts'
import { openWindowTrace } from './tracing/window-trace.ts'

/** How often the loop does what nobody asks it to, in milliseconds. */
export interface PushTiming {
  /** Poll where triggers cannot ring or LISTEN does not deliver. */
  readonly pollMs: number
  /** Look at the writers that may not have rung this often, while there are any. */
  readonly writerPollMs: number
  /**
   * A sleeping relay looks this often for captures that must not ring, where there were some
   * lately.
   */
  readonly sequencePollMs: number
  /** And this often where there were none. */
  readonly restingSequencePollMs: number
  /** Renewal of the doorbell, and with it the safety poll of a sleeping relay. */
  readonly renewalMs: number
  /** How long the doorbell stays armed without renewal. */
  readonly expiryMs: number
  readonly rotationPeriodMs: number
}

/** Whoever did not ring is likely to be back within this time. */
const UNRUNG_MEMORY_MS = 60_000

/** What a relay runs with; only tests have reasons for anything else. */
export const PUSH_TIMING: PushTiming = {
  pollMs: 50,
  writerPollMs: 10,
  sequencePollMs: 25,
  restingSequencePollMs: 100,
  renewalMs: DOORBELL_RENEWAL_MS,
  expiryMs: DOORBELL_EXPIRY_MS,
  rotationPeriodMs: ROTATION_PERIOD_MS,
}

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
  const { client, epoch, listener, heartbeat, stopping, timing = PUSH_TIMING } = context
  let ack = await readAck(client, epoch)
  let from = ack.acked
  let rotatedAt = performance.now()
  // Heartbeats alone turn nothing: at rest no table is truncated, which a standby would have to
  // replay.
  let turnsDue = 0
  let unrungSeenAt = Number.NEGATIVE_INFINITY
  const ringable = await canRing(client)
  const settler = new Settler(client, context.delivery.log)
  const reexporter = new Reexporter(client, context.delivery.log)
  let hasSettled = false
  let hasReexported = false

  /**
   * One window; true if it had rows that somebody else had written. @param isIdle nothing else is
   * to be done: look at the settle list, too, and at the keys to send again.
   */
  async function push(isIdle: boolean): Promise<boolean> {
    listener.reset()
    hasSettled = await settler.step(isIdle)
    hasReexported = await reexporter.step(isIdle)
    const hasBeaten = await heartbeat.beat(client)
    const trace = openWindowTrace()
    const to = await trace.step('tick', () => takeTick(client))
    context.onTick()
    const rows = await trace.deliver(() => deliverWindow(client, { from, to }, context.delivery))
    heartbeat.echo()
    context.delivery.metrics.windowDelivered(rows)
    if (rows > 0) {
      const written = await trace.step('ack', () => writeAck(client, epoch, ack, to))
      // Overtaken: another relay has acked. Go on from where it is; what both delivered, HQ
      // deduplicates.
      ack = written ?? (await readAck(client, epoch))
      from = ack.acked
    } else {
      from = to
    }
    trace.end()
    const isChanged = rows > (hasBeaten ? 1 : 0)
    if (isChanged) turnsDue = TURNS_TO_EMPTY
    if (performance.now() - rotatedAt >= timing.rotationPeriodMs) {
      rotatedAt = performance.now()
      await assertSeesAll(client)
      if ((turnsDue > 0 || (await isLarge(client))) && (await rotate(client, ack))) turnsDue--
      await compactAcks(client)
      await noteLosses(client)
    }
    return isChanged
  }

  /**
   * Sleeps until something may have been committed. The order makes it safe: arm, then look who was
   * already writing (they may have read "awake" and will not ring), then push when one of these has
   * ended. Everyone later reads the armed flag, and rings or counts up what every look sees; who
   * counted may still be open, and is waited for like the first.
   */
  async function sleep(): Promise<void> {
    await arm(client, timing.expiryMs)
    let armedAt = performance.now()
    let hasSlept = false
    try {
      let { unrung } = await look(client)
      let writers: ReadonlySet<string> = await openWriters(client)

      /**
       * Rests for `ms`, or until a look finds something; false if nobody who does not ring was
       * seen.
       */
      async function rest(ms: number): Promise<boolean> {
        const endsAt = performance.now() + ms
        const isQuick = performance.now() - unrungSeenAt < UNRUNG_MEMORY_MS
        const pollMs = isQuick ? timing.sequencePollMs : timing.restingSequencePollMs
        for (let left = ms; left > 0 && !stopping.aborted; left = endsAt - performance.now()) {
          await listener.wait(Math.min(left, writers.size > 0 ? timing.writerPollMs : pollMs))
          if (listener.hasRung) return false
          const seen = await look(client)
          if (seen.hasLosses) await noteLosses(client)
          if (seen.unrung !== unrung) {
            unrung = seen.unrung
            unrungSeenAt = performance.now()
            writers = writers.union(await openWriters(client))
            return true
          }
          if (writers.size > 0) {
            const open = writers.intersection(await openWriters(client))
            const hasEnded = open.size < writers.size
            writers = open
            if (hasEnded) return true
          }
        }
        return writers.size > 0
      }

      while (!stopping.aborted) {
        if (await push(true)) {
          // The safety poll found what should have rung: LISTEN may be dead without an error. Poll
          // until it proves itself.
          if (hasSlept && !hasSettled && !hasReexported) listener.suspect()
          return
        }
        const restMs = listener.isListening ? timing.renewalMs : timing.pollMs
        const hasSeen = await rest(Math.min(restMs, settler.waitMs, reexporter.waitMs))
        if (listener.hasRung) return
        hasSlept = !hasSeen && listener.isListening
        const armedForMs = performance.now() - armedAt
        if (armedForMs >= timing.renewalMs) {
          await arm(client, timing.expiryMs)
          armedAt = performance.now()
          // It ran out before it was renewed (the relay was stopped, the server slow): as if armed
          // for the first time.
          if (armedForMs >= timing.expiryMs) writers = writers.union(await openWriters(client))
        }
      }
    } finally {
      // A lost session cannot disarm; the flag then runs out by itself.
      if (!stopping.aborted) await disarm(client)
    }
  }

  while (!stopping.aborted) {
    if (await push(!ringable)) continue
    if (ringable) await sleep()
    else await listener.wait(timing.pollMs)
  }
  await disarm(client)
}
