import { pause } from '@hq-export/runtime/pause.ts'
import pg from 'pg'
import type { Settlement } from '../acknowledge/acknowledge-outcome.ts'
import { DeliveryStoppedError } from '../batch/delivery-stopped.ts'
import type { DeliveryContext } from '../delivery/delivery-context.ts'
import { InFlight, MAX_IN_FLIGHT } from '../flow-control/in-flight.ts'
import { type BackfillRecord, finishBackfill, saveProgress } from './backfill-record.ts'
import { Checkpoint } from './checkpoint.ts'
import { deliverChunk } from './deliver-chunk.ts'
import type { Serialize } from './one-at-a-time.ts'
import type { BackfillProgress, PassProgress } from './progress.ts'
import { ChunkReader } from './read-chunks.ts'

/**
 * How often progress is recorded and the operator's wish is read: a few updates a second at most.
 */
const SAVE_MS = 500

/** Why the work on a backfill ended. */
export type BackfillEnd =
  /** Every row of it is settled. */
  | 'completed'
  /** PostgreSQL cannot read it; recorded as failed, with the reason. */
  | 'failed'
  /** An operator paused or canceled it. */
  | 'steered'
  /**
   * HQ refuses its batches for a reason that somebody has to mend; recorded, and still to be done.
   */
  | 'halted'
  /** Whoever executes it has to stop; it is still to be done. */
  | 'stopped'

/**
 * What the work on a backfill needs, for as long as the session that holds the execution lock
 * lives.
 */
export interface BackfillContext {
  readonly client: pg.ClientBase
  /** Turns on the client: it also keeps dead letters. */
  readonly serialize: Serialize
  /** A run takes note of what halts it by itself; live changes have nothing to do with it. */
  readonly delivery: Omit<DeliveryContext, 'onHalt'>
  readonly settlement: Settlement
  /** Ends the work at its checkpoint. */
  readonly stopping: AbortSignal
}

/**
 * Classes of SQLSTATE by which a view or its binding cannot be read at all, now or ever: missing or
 * invalid objects, rights.
 */
function unreadable(error: unknown): string | undefined {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
  return code.startsWith('42')
    ? `PostgreSQL refuses to read it: SQLSTATE ${code}; see relay -- doctor`
    : undefined
}

/** One backfill while it is being worked on. */
class Run {
  readonly #context: BackfillContext
  readonly #record: BackfillRecord
  readonly #passes: PassProgress[]
  readonly #beganAt = performance.now()
  /** Aborted when an operator steers, HQ refuses, or the session fails. */
  readonly #ending = new AbortController()
  readonly #delivery: DeliveryContext
  #checkpoint: Checkpoint | undefined
  #passIndex = 0
  #haltReason: string | undefined
  #isChanged = false

  constructor(context: BackfillContext, record: BackfillRecord) {
    this.#context = context
    this.#record = record
    this.#passes = [...record.progress.passes]
    const { delivery, stopping } = context
    this.#delivery = {
      ...delivery,
      stopping: AbortSignal.any([stopping, delivery.stopping, this.#ending.signal]),
      onHalt: (reason) => {
        if (reason === undefined) return
        this.#haltReason ??= reason
        this.#ending.abort()
      },
    }
  }

  get #progress(): BackfillProgress {
    const passes = [...this.#passes]
    if (this.#checkpoint !== undefined) passes[this.#passIndex] = this.#checkpoint.progress
    const activeMs = this.#record.progress.activeMs + (performance.now() - this.#beganAt)
    return { passes, activeMs: Math.round(activeMs) }
  }

  async #save(): Promise<void> {
    const { client, serialize } = this.#context
    const reason = this.#haltReason === undefined ? null : `delivery halted: ${this.#haltReason}`
    const state = await serialize(() =>
      saveProgress(client, this.#record.id, this.#progress, reason),
    )
    if (state !== 'running') {
      this.#isChanged = true
      this.#ending.abort()
    }
  }

  /**
   * Records progress and reads the operator's wish until the work has ended: also while attempts
   * under way come to their end, because the server takes a session for dead that says nothing.
   */
  async #watch(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      await pause(SAVE_MS, ended)
      if (!ended.aborted) await this.#save()
    }
  }

  async #deliverPass(pass: PassProgress): Promise<void> {
    const { client, serialize, settlement } = this.#context
    const delivery = this.#delivery
    const checkpoint = new Checkpoint(pass)
    this.#checkpoint = checkpoint
    const { selection, requestedAt } = this.#record
    const reader = new ChunkReader(client, pass, selection, pass.after, requestedAt)
    const inFlight = new InFlight(MAX_IN_FLIGHT)
    try {
      for (;;) {
        delivery.stopping.throwIfAborted()
        const chunk = await serialize(() => reader.next(delivery.sizer.rows))
        if (chunk === undefined) break
        const settle = checkpoint.begin()
        await inFlight.add(async () => settle(await deliverChunk(chunk, delivery, settlement)))
      }
    } finally {
      await inFlight.drain()
    }
    checkpoint.finish()
  }

  async #deliverAll(): Promise<'completed' | 'stopped' | { readonly failed: string }> {
    try {
      for (const [index, pass] of this.#passes.entries()) {
        if (pass.isDone) continue
        this.#passIndex = index
        await this.#deliverPass(pass)
        this.#passes[index] = this.#checkpoint?.progress ?? pass
        this.#checkpoint = undefined
      }
      return 'completed'
    } catch (error) {
      const reason = unreadable(error)
      if (reason !== undefined) return { failed: reason }
      if (error instanceof DeliveryStoppedError || this.#delivery.stopping.aborted) return 'stopped'
      throw error
    }
  }

  async run(): Promise<BackfillEnd> {
    const { client } = this.#context
    const { id } = this.#record
    const ended = new AbortController()
    // Whichever ends first ends the other, also by failing: a session that is lost, or the work
    // itself.
    const [delivered, watched] = await Promise.allSettled([
      this.#deliverAll().finally(() => ended.abort()),
      this.#watch(ended.signal).finally(() => this.#ending.abort()),
    ])
    if (delivered.status === 'rejected') throw delivered.reason
    if (watched.status === 'rejected') throw watched.reason
    // What settled while the work was coming to its end counts, too.
    await this.#save()
    switch (delivered.value) {
      case 'completed':
        await finishBackfill(client, id, 'completed', null)
        return 'completed'
      case 'stopped':
        if (this.#isChanged) return 'steered'
        return this.#haltReason === undefined ? 'stopped' : 'halted'
      default:
        await finishBackfill(client, id, 'failed', delivered.value.failed)
        return 'failed'
    }
  }
}

/**
 * Sends a backfill to HQ from its checkpoint on: chunks are read in the order of the key and
 * delivered several at once, and the checkpoint follows what is settled. Only whoever holds the
 * execution lock, on this client, may call it.
 * @throws what the source's session throws when it is lost; the checkpoint is then the last one
 * recorded.
 */
export function runBackfill(
  context: BackfillContext,
  record: BackfillRecord,
): Promise<BackfillEnd> {
  return new Run(context, record).run()
}
