import {
  type BalanceRow,
  type FreshnessReport,
  SCHEMA_VERSION,
  type SigningKey,
} from '@hq-export/contract'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { OngoingWork } from '@hq-export/runtime/ongoing-work.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import type { Pool } from 'undici'
import { readBalance } from '../balance/read-balance.ts'
import { isLarge } from '../outbox/rotate.ts'
import type { WaitingRows } from '../outbox/waiting-rows.ts'
import type { Logger } from '../process/log.ts'
import { UndecidedError } from '../reconcile/compare/undecided-error.ts'
import { HqClient } from '../reconcile/hq/hq-client.ts'
import { waitForFence } from '../reconcile/source/fence.ts'
import { connect } from '../session/connect.ts'
import { LED_SESSION } from '../session/lead.ts'
import { LOOKING_SESSION } from '../session/looking-session.ts'
import { type Aftermath, type Cut, type CutDataset, cutMoment, lookAfter } from './cut-moment.ts'
import { readLags } from './read-lags.ts'

/** Between two looks at most this often, in milliseconds. */
const PERIOD_MS = 1_000
/** Looking takes at most this share of the time. */
const MAX_SHARE = 1 / 20
/** Between two times that HQ is told the balance of days at least, in milliseconds. */
const BALANCE_PERIOD_MS = 60_000
const MAX_BALANCE_ROWS = 1_000
/** Between two times that HQ is told what waits at least, in milliseconds. */
const LAG_PERIOD_MS = 5_000
/**
 * Where much waits, a relay that begins has more urgent things to do than to look through it, and
 * who observes it looks first: after 15 s, and then what waits is known to both.
 */
const FIRST_LARGE_LAG_MS = 20_000

/** Up to when a dataset was complete when HQ was told so last, as `performance.now()`. */
export type CompleteThrough = ReadonlyMap<string, number>

/** What of a report is not the same for all of them. */
type Told = Pick<FreshnessReport, 'at' | 'datasets'> & Partial<FreshnessReport>

/** What a {@link FreshnessReporter} works with. */
export interface FreshnessContext {
  readonly databaseUrl: string
  readonly pool: Pool
  readonly keys: readonly SigningKey[]
  readonly source: string
  readonly epoch: string
  readonly log: Logger
  readonly stopping: AbortSignal
  /** What this process knows of the rows that wait. */
  readonly waiting: WaitingRows
  /** Batches that HQ has decided so far: nothing is told while there are none, not even a beat. */
  readonly settledBatches: () => number
  /** Told of every report that HQ has stored. */
  readonly onStored: (completeThrough: CompleteThrough) => void
}

/** What is told of a dataset. */
interface DecidedDataset extends CutDataset {
  /** Open dead letters that HQ has never seen. */
  readonly refused: number
}

/** What the second look leaves of the cut. */
function decided(cut: Cut, after: Aftermath): DecidedDataset[] {
  const looks = new Map(after.datasets.map((look) => [look.dataset, look]))
  return cut.datasets.flatMap((dataset): DecidedDataset[] => {
    const look = looks.get(dataset.dataset)
    // No longer bound.
    if (look === undefined) return []
    const { isHeld, refused } = look
    return [{ ...dataset, refused, ...(isHeld && { completeThrough: null, behindSeconds: null }) }]
  })
}

/**
 * The part of a leading relay that tells HQ up to which moment it has everything. It looks by
 * itself, on a session of its own beside the push: at a moment, at what is visible after it, and at
 * what holds datasets back; then it waits until an ack, or an outbox that holds nothing of it any
 * more, says that HQ has decided what was visible. Meanwhile, too, HQ is told what waits.
 */
export class FreshnessReporter extends OngoingWork {
  readonly #context: FreshnessContext
  readonly #completeThrough = new Map<string, number>()
  #repairs = 0
  #balanceReadAt = Number.NEGATIVE_INFINITY
  #lagsDueAt = Number.NEGATIVE_INFINITY
  #isFailing = false

  constructor(context: FreshnessContext) {
    super(context.stopping)
    this.#context = { ...context, stopping: this.stopping }
  }

  /**
   * Rows of a window that is not acked yet have been sent once more: an ack of that window does not
   * say that HQ has them. To be called before the ack.
   */
  noteRepair(): void {
    this.#repairs++
  }

  protected async run(): Promise<void> {
    const { stopping } = this.#context
    while (!stopping.aborted) {
      try {
        await this.#report()
      } catch (error) {
        if (stopping.aborted) return
        this.#fails(describeError(error))
        await pause(PERIOD_MS, stopping)
      }
    }
  }

  #fails(reason: string): void {
    const { log } = this.#context
    if (!this.#isFailing)
      log.warn({ reason }, 'HQ does not learn how far it is complete; trying again')
    this.#isFailing = true
  }

  /** Reports on one session until it is lost. */
  async #report(): Promise<void> {
    const { databaseUrl, stopping, settledBatches } = this.#context
    const client = await connect(databaseUrl, 'freshness', () => {}, {
      ...LED_SESSION,
      ...LOOKING_SESSION,
    })
    try {
      if (await isLarge(client)) this.#lagsDueAt = performance.now() + FIRST_LARGE_LAG_MS
      let told = -1
      while (!stopping.aborted) {
        const settled = settledBatches()
        let lookMs = 0
        if (settled !== told) {
          const began = performance.now()
          const cut = await cutMoment(client)
          lookMs = performance.now() - began
          if (cut === undefined || (await this.#tell(client, cut, began))) told = settled
        }
        await this.#tellLags(client)
        await pause(Math.max(PERIOD_MS, lookMs / MAX_SHARE), stopping)
      }
    } finally {
      await client.end()
    }
  }

  /** @returns false where it is to be tried again without anything new. */
  async #tell(client: pg.ClientBase, cut: Cut, cutAt: number): Promise<boolean> {
    const { epoch, stopping, onStored } = this.#context
    const meanwhile = () => this.#tellLags(client)
    const patience = { patienceMs: Number.POSITIVE_INFINITY, stopping, meanwhile }
    await waitForFence(client, epoch, cut.snapshot, patience)
    const repairs = this.#repairs
    const after = await lookAfter(client, cut.at)
    if (!after.stands) return false
    await waitForFence(client, epoch, after.snapshot, patience)
    // It may be a row of the cut that was sent for the second time.
    if (this.#repairs !== repairs) return false
    const datasets = decided(cut, after)
    const balance = await this.#readBalance(client)
    const stored = await this.#post({
      at: cut.at,
      datasets: datasets.map(({ dataset, completeThrough, refused }) => ({
        dataset,
        complete_through: completeThrough,
        refused,
      })),
      ...(balance !== undefined && { balance }),
    })
    if (stored === undefined) return false
    if (!stored) {
      this.#fails('HQ knows a later life of this source')
      return true
    }
    this.#isFailing = false
    for (const { dataset, behindSeconds } of datasets) {
      if (behindSeconds === null) continue
      const at = cutAt - behindSeconds * 1000
      this.#completeThrough.set(dataset, Math.max(at, this.#completeThrough.get(dataset) ?? at))
    }
    onStored(this.#completeThrough)
    return true
  }

  /** The balance of the last days, now and then. */
  async #readBalance(client: pg.ClientBase): Promise<BalanceRow[] | undefined> {
    if (performance.now() - this.#balanceReadAt < BALANCE_PERIOD_MS) return undefined
    this.#balanceReadAt = performance.now()
    return (await readBalance(client, undefined, this.#context.waiting)).slice(0, MAX_BALANCE_ROWS)
  }

  /** Tells HQ what waits, where it is time to. */
  async #tellLags(client: pg.ClientBase): Promise<void> {
    const began = performance.now()
    if (began < this.#lagsDueAt) return
    try {
      const { at, lags } = await readLags(client, this.#context.waiting)
      await this.#post({ at, datasets: [], lags })
    } finally {
      // One that ran into its time limit counts, too.
      const lookMs = performance.now() - began
      this.#lagsDueAt = began + Math.max(LAG_PERIOD_MS, lookMs / MAX_SHARE)
    }
  }

  /** @returns undefined where HQ does not take it now. */
  async #post(told: Told): Promise<boolean | undefined> {
    const { source, epoch } = this.#context
    const hq = new HqClient({ ...this.#context, patienceMs: 0 })
    try {
      const report = { source, schema_version: SCHEMA_VERSION, epoch, ...told }
      return (await hq.tellFreshness(report)).stored
    } catch (error) {
      if (!(error instanceof UndecidedError)) throw error
      this.#fails(error.message)
      return undefined
    }
  }
}
