import { DATASETS, type Dataset, datasetByName, LIMITS } from '@hq-export/contract'
import { inSpan } from '@hq-export/observability/span.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { OngoingWork } from '@hq-export/runtime/ongoing-work.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import { type Binding, SNAPSHOTS_DATASET } from '../../binding/binding-schema.ts'
import { readBinding } from '../../binding/read-binding.ts'
import { hasSqlstate, QUERY_CANCELED } from '../../session/sqlstate.ts'
import { compareKeysOn } from '../compare-keys.ts'
import type { ReconcileContext } from '../reconcile-context.ts'
import { proveRepairs } from '../record/prove-repairs.ts'
import type { Repairable } from '../repair/repair-keys.ts'
import { entityDatasets, snapshotEntity } from '../source/deleted-entities.ts'
import { connectFollower } from './connect-follower.ts'
import { addCounts, type FollowCounts, NO_COUNTS, readSeen, saveSeen } from './follow-record.ts'
import { type Look, lookIntoOutbox, type Seen, skipOutbox } from './look.ts'
import { PendingKeys } from './pending-keys.ts'
import { type Followed, recordFindings } from './record-findings.ts'

/** Keys compared per second at most, on average; of more a stable sample. */
const MAX_KEYS_PER_S = 2_000
/** Keys that are kept at most until they are compared. */
const MAX_PENDING = 50_000
/** As many are compared at once, even before the time: looks go on between. */
const MAX_ROUND = 20_000

/** How a {@link Follower} counts time, in ms; tests own it. */
export interface FollowerTiming {
  /** Between two looks: well within the 30 s for which an acked outbox table is kept at least. */
  readonly lookMs: number
  /** Between two comparisons. */
  readonly periodMs: number
  /**
   * A key is compared once this old: by then it has arrived even where delivery is late by twice
   * its usual worst. One that has not is waited for, so this only spares asking in vain.
   */
  readonly minAgeMs: number
}

/** Timing by the setting `RELAY_FOLLOW_SECONDS`. */
export function followerTiming(seconds: number): FollowerTiming {
  return { lookMs: 10_000, periodMs: seconds * 1_000, minAgeMs: 10_000 }
}

/**
 * The part of a leading relay that compares the keys that changed lately, every few minutes. It
 * finds a relay that skips, because it reads by itself what was committed. What it has not compared
 * when it is stopped is seen again later.
 */
export class Follower extends OngoingWork {
  readonly #context: ReconcileContext
  readonly #epoch: string
  readonly #timing: FollowerTiming
  readonly #pending = new PendingKeys()
  /** Looks whose keys are not all compared yet, the oldest first. */
  #looks: { readonly at: number; readonly seen: Seen }[] = []
  #counts: FollowCounts = NO_COUNTS

  constructor(context: ReconcileContext, epoch: string, timing: FollowerTiming) {
    super(context.stopping)
    this.#context = { ...context, stopping: this.stopping }
    this.#epoch = epoch
    this.#timing = timing
  }

  protected async run(): Promise<void> {
    const { stopping, log } = this.#context
    while (!stopping.aborted) {
      try {
        await this.#follow()
      } catch (error) {
        if (stopping.aborted) return
        log.warn({ reason: describeError(error) }, 'changes cannot be followed now; trying again')
        await pause(this.#timing.lookMs, stopping)
      }
    }
  }

  /** Looks and compares on one session until it is lost. */
  async #follow(): Promise<void> {
    const { databaseUrl, stopping } = this.#context
    const { lookMs, periodMs } = this.#timing
    const client = await connectFollower(databaseUrl)
    // Also where a statement of its waits.
    const end = () => void client.end().catch(() => {}) // a lost session is closed already
    stopping.addEventListener('abort', end)
    try {
      let last = this.#looks.at(-1)?.seen ?? (await readSeen(client, this.#epoch))
      let comparedAt = performance.now()
      let lookedAt = comparedAt
      while (!stopping.aborted) {
        const began = performance.now()
        const seconds = Math.max(1, (began - lookedAt) / 1_000)
        const limit = Math.min(MAX_KEYS_PER_S * seconds, MAX_PENDING - this.#pending.size)
        const look = await this.#look(client, last, limit)
        lookedAt = began
        last = look.seen
        this.#looks.push({ at: began, seen: last })
        this.#count({ leftOut: look.leftOut, missed: look.missed })
        const binding = await readBinding(client)
        if (binding !== undefined) {
          for (const { dataset, key } of look.keys) this.#add(dataset, key, began, binding)
          if (began - comparedAt >= periodMs || this.#pending.size >= MAX_ROUND) {
            comparedAt = performance.now()
            await this.#compare(client, binding)
          }
        }
        await pause(lookMs, stopping)
      }
    } finally {
      stopping.removeEventListener('abort', end)
      await client.end().catch(() => {}) // a lost session is closed already
    }
  }

  async #look(client: pg.ClientBase, last: Seen, limit: number): Promise<Look> {
    try {
      return await lookIntoOutbox(client, last, limit)
    } catch (error) {
      if (!hasSqlstate(error, QUERY_CANCELED)) throw error
      return skipOutbox(client, last)
    }
  }

  #count(counts: Partial<FollowCounts>): void {
    this.#counts = addCounts(this.#counts, counts)
  }

  /**
   * Notes a key that changed. A snapshot comes with the row of its entity, and is looked up by it.
   * What is not bound any more cannot be compared, and is not exported.
   */
  #add(number: number, key: string, at: number, binding: Binding): void {
    const dataset = DATASETS.find((each) => each.number === number)
    if (!binding.datasets.some((bound) => bound.dataset === dataset?.name)) return
    this.#pending.add(number, key, at)
    const snapshots = datasetByName(SNAPSHOTS_DATASET)
    for (const [type, { name }] of entityDatasets(binding)) {
      if (name !== dataset?.name) continue
      this.#pending.add(snapshots.number, key.replace('/', `/${type}/`), at)
    }
  }

  /** Compares what is due, repairs what differs, and records how far that is. */
  async #compare(client: pg.Client, binding: Binding): Promise<void> {
    const cutoff = performance.now() - this.#timing.minAgeMs
    const due = this.#pending.due(cutoff, MAX_ROUND)
    if (due.length > 0) {
      await inSpan('follow', { root: true }, () => this.#compareDue(client, due, binding))
    }
    if (this.#context.stopping.aborted) return
    await proveRepairs(client, this.#context, null)
    await this.#save(client)
  }

  async #compareDue(
    client: pg.Client,
    due: readonly (readonly [dataset: number, keys: readonly string[]])[],
    binding: Binding,
  ): Promise<void> {
    const followed: Followed[] = []
    for (const [number, keys] of due) {
      const dataset = DATASETS.find((each) => each.number === number)
      if (dataset === undefined) continue
      followed.push(await this.#compareDataset(client, dataset, keys, binding))
    }
    if (followed.some(({ differences }) => differences.length > 0)) {
      await recordFindings(this.#context, followed)
    }
  }

  async #compareDataset(
    client: pg.Client,
    dataset: Dataset,
    keys: readonly string[],
    binding: Binding,
  ): Promise<Followed> {
    const differences: Repairable[] = []
    let compared = 0
    for (let at = 0; at < keys.length; at += LIMITS.maxDigestKeys) {
      const some = keys.slice(at, at + LIMITS.maxDigestKeys)
      const { verdicts } = await compareKeysOn(client, binding, this.#context, dataset, some)
      const now = performance.now()
      for (const { key, verdict, finding } of verdicts) {
        if (verdict === 'unknown') {
          if (!this.#pending.postpone(dataset.number, key, now)) this.#count({ leftOut: 1 })
          continue
        }
        this.#pending.settle(dataset.number, key)
        compared++
        // Refused is known, and has its own alert.
        if (finding === null || finding.class === 'refused') continue
        const entity =
          dataset.name === SNAPSHOTS_DATASET
            ? snapshotEntity(entityDatasets(binding), key)
            : undefined
        differences.push({ finding, dataset, key, ...entity })
      }
      // HQ does not answer, or the relay is behind: the rest waits for the next time.
      if (verdicts.length < some.length) break
    }
    this.#count({ compared, found: differences.length })
    return { dataset, compared, differences }
  }

  /** What was seen since is seen again by the next relay, should this one end. */
  async #save(client: pg.ClientBase): Promise<void> {
    const oldest = this.#pending.oldestAt ?? Number.POSITIVE_INFINITY
    const done = this.#looks.filter(({ at }) => at < oldest)
    const newest = done.at(-1)
    if (newest === undefined) return
    this.#looks = this.#looks.filter(({ at }) => at >= newest.at)
    const counts = this.#counts
    this.#counts = NO_COUNTS
    await saveSeen(client, this.#epoch, newest.seen, counts)
  }
}
