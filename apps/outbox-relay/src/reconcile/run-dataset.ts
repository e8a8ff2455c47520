import type {
  ChecksumSpec,
  Dataset,
  DatasetReconciliation,
  ReconciliationState,
} from '@hq-export/contract'
import { inSpan, inStep } from '@hq-export/observability/span.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import type { Binding } from '../binding/binding-schema.ts'
import { STOPPED, TooLongError, UndecidedError } from './compare/undecided-error.ts'
import { type DatasetContext, isWhole, type Sides } from './dataset/dataset-context.ts'
import { prepareDataset } from './dataset/prepare-dataset.ts'
import { DatasetTally } from './dataset-tally.ts'
import { emptyCost, emptyDataset, MAX_REASON_CHARS } from './empty-dataset.ts'
import { recheck } from './keys/recheck.ts'
import type { ProvenDifference } from './keys/suspect.ts'
import { cutAt, cutRange, hasTimeFor, inRotation, planRanges, RANGE_ROWS } from './plan-ranges.ts'
import { compareRange } from './range/compare-range.ts'
import { MAX_SUSPECTS } from './range/read-leaves.ts'
import type { ReconcileCost, ReconcileProgress, ReconcileRequest } from './reconcile-context.ts'
import { repairLimit } from './repair/repair-limit.ts'
import { repairDifferences } from './repair-differences.ts'
import { estimateRows } from './source/estimate-rows.ts'
import { yieldToRelay } from './source/fence.ts'
import { type RecordedRange, readRanges, recordRanges } from './source/range-record.ts'
import { rememberRemovals } from './source/removals.ts'
import { sourceError } from './source/source-error.ts'

/** What one dataset of a reconciliation came to. */
export interface DatasetOutcome {
  readonly result: DatasetReconciliation
  readonly differences: readonly ProvenDifference[]
  readonly cost: ReconcileCost
}

/** What a run of one dataset needs beside the sides. */
export interface DatasetRequest
  extends Pick<ReconcileRequest, 'scope' | 'repair' | 'repairLimit' | 'rotation' | 'rangeRows'> {
  /** By `performance.now()`: no range begins later. */
  readonly until: number
  readonly onProgress: (progress: ReconcileProgress) => void
}

/** Halvings of ranges one after the other, of which each takes minutes: no size helps then. */
const MAX_HALVINGS = 12

/** Why something could not be told, in words that hold no value. */
export function reasonOf(error: unknown): string {
  const told = sourceError(error)
  const text = told instanceof UndecidedError ? told.message : describeError(told)
  return text.slice(0, MAX_REASON_CHARS)
}

/** A dataset of which nothing was read. */
export function undecidedDataset({ name }: Dataset, error: unknown): DatasetOutcome {
  const result = emptyDataset(name, 'undecided', reasonOf(error))
  return { result, differences: [], cost: emptyCost(name) }
}

/** One dataset of one reconciliation. */
export class DatasetRun {
  readonly #sides: Sides
  readonly #binding: Binding
  readonly #dataset: Dataset
  readonly #request: DatasetRequest
  readonly #tally = new DatasetTally()
  readonly #beganAt = performance.now()
  #spec: ChecksumSpec | undefined
  #hqVersion: string | null = null
  /** Every range was reached that had to be. */
  #isComplete = false
  /** What ended it early. */
  #failure: string | undefined
  #isCapped = false
  /** Since a range was compared last. */
  #halvings = 0
  #estimate: number | null = null
  #oldestRange: number | null = null

  constructor(sides: Sides, binding: Binding, dataset: Dataset, request: DatasetRequest) {
    this.#sides = sides
    this.#binding = binding
    this.#dataset = dataset
    this.#request = request
  }

  /** Compares, and repairs what may be. Whatever goes wrong is an `undecided` with its reason. */
  async run(): Promise<DatasetOutcome> {
    const { name } = this.#dataset
    const hqSeconds = this.#sides.hq.seconds
    await inSpan(`reconcile ${name}`, {}, async () => {
      try {
        await this.#run()
      } catch (error) {
        // Its sessions end with it, in the middle of a statement.
        this.#failure = this.#sides.stopping.aborted ? STOPPED : reasonOf(error)
      }
    })
    const { ranges, sourceSeconds, fenceSeconds, dirtyBuckets, rechecked } = this.#tally
    const { sourceSnapshots, hqSnapshots } = this.#tally
    const cost = {
      dataset: name,
      ranges,
      sourceSeconds,
      fenceSeconds,
      hqSeconds: this.#sides.hq.seconds - hqSeconds,
      dirtyBuckets,
      rechecked,
      capReached: this.#isCapped,
      sourceSnapshots,
      hqSnapshots,
      hqVersion: this.#hqVersion,
      oldestRangeSeconds: this.#oldestRange,
    }
    return { result: this.#result(), differences: this.#tally.differences, cost }
  }

  async #run(): Promise<void> {
    const { scope, rotation = false } = this.#request
    const { side } = this.#sides
    const context = await prepareDataset(this.#sides, this.#binding, this.#dataset, scope.org_id)
    this.#spec = context.spec
    this.#hqVersion = context.hqVersion
    this.#estimate = await estimateRows(side, context.relation)
    const ranges = await planRanges(context, scope)
    const { due, more } = rotation ? inRotation(ranges) : { due: ranges, more: [] }
    await this.#compareAll(context, due)
    this.#isComplete = this.#tally.found.length <= MAX_SUSPECTS
    for (const range of more) {
      const elapsedSeconds = (performance.now() - this.#beganAt) / 1000
      if (hasTimeFor(elapsedSeconds)) await this.#compareAll(context, [range])
    }
    await this.#repair(context)
    const ages = (await readRanges(side, this.#dataset)).map(({ age }) => age ?? Infinity)
    this.#oldestRange = Math.max(...ages) === Infinity ? null : Math.max(...ages)
  }

  async #compareAll(context: DatasetContext, ranges: readonly RecordedRange[]): Promise<void> {
    const { stopping, side, epoch } = this.#sides
    const queue = [...ranges]
    for (let range = queue.shift(); range !== undefined; range = queue.shift()) {
      // Enough to know what to do; nobody reads more.
      if (this.#tally.found.length > MAX_SUSPECTS) return
      if (stopping.aborted) throw new UndecidedError(STOPPED)
      if (performance.now() > this.#request.until)
        throw new UndecidedError('there was no time for the rest')
      if (this.#tally.ranges > 0) await yieldToRelay(side, epoch, stopping)
      queue.unshift(...(await this.#compareFirst(context, range)))
    }
  }

  /** Compares a range, or the first part of it. @returns the parts that are left. */
  async #compareFirst(
    context: DatasetContext,
    range: RecordedRange,
  ): Promise<readonly RecordedRange[]> {
    const { rangeRows = RANGE_ROWS } = this.#request
    const [first, ...rest] = await cutRange(context, range, rangeRows)
    try {
      await this.#compareOne(context, first, rest)
      this.#halvings = 0
      return rest
    } catch (error) {
      const rows = first.rows ?? rangeRows
      if (!(error instanceof TooLongError) || rows < 2) throw error
      if (++this.#halvings > MAX_HALVINGS) throw error
      const half = Math.floor(rows / 2)
      const halves = await cutAt(context, first, half)
      // It has fewer rows than was thought.
      return halves.length === 1 ? [{ ...first, rows: half }, ...rest] : [...halves, ...rest]
    }
  }

  async #compareOne(
    context: DatasetContext,
    range: RecordedRange,
    rest: readonly RecordedRange[],
  ): Promise<void> {
    const { scope } = this.#request
    this.#tell('scan')
    const compared = await compareRange(context, scope, range)
    this.#tell('recheck')
    const rechecked = await inStep('recheck', () => recheck(context, compared.suspects))
    const state = this.#tally.add(compared, rechecked)
    const notes = [...compared.outdated, ...rechecked.removed]
    await rememberRemovals(context.side, this.#dataset, context.spec, notes)
    this.#tell('compare')
    if (state === undefined || !isWhole(scope)) return
    // What is left of a range that was cut is to be compared still.
    await recordRanges(context.side, this.#dataset, [
      { ...range, rows: compared.rows, state },
      ...rest.map((part) => ({ ...part, rows: null, state: null })),
    ])
  }

  async #repair(context: DatasetContext): Promise<void> {
    const { found, rows } = this.#tally
    if (found.length === 0) return
    this.#tell('repair')
    const { repair, repairLimit: limit = repairLimit(rows) } = this.#request
    const { differences, isCapped } = await inStep('repair', () =>
      repairDifferences(context, found, repair, limit),
    )
    this.#isCapped = isCapped
    this.#tally.replaceFound(differences)
  }

  #tell(phase: ReconcileProgress['phase']): void {
    this.#request.onProgress({
      dataset: this.#dataset.name,
      phase,
      rows: this.#tally.rows,
      estimatedRows: this.#estimate,
      findings: this.#tally.found.length,
    })
  }

  #result(): DatasetReconciliation {
    const coverage = this.#tally.coverage(this.#isComplete ? undefined : (this.#estimate ?? 0))
    const [state, reason] = this.#judge(coverage)
    return {
      dataset: this.#dataset.name,
      state,
      reason,
      algorithm: this.#spec?.algorithm ?? null,
      spec: this.#spec?.id ?? null,
      coverage,
      ...this.#tally.counts(),
      duration_ms: Math.round(performance.now() - this.#beganAt),
    }
  }

  #judge(coverage: number): [ReconciliationState, string | null] {
    const { sample } = this.#request.scope
    const { found, gap } = this.#tally
    const reason = this.#failure ?? (coverage < 1 ? (gap ?? 'not all of it was compared') : null)
    if (found.length > 0) {
      const isSent = found.every(({ finding }) => finding.repair === 'sent')
      return [isSent && reason === null ? 'repaired' : 'different', null]
    }
    if (reason !== null) return ['undecided', reason]
    return sample === undefined
      ? ['equal', null]
      : ['undecided', `no difference in a sample of 1/${sample}`]
  }
}
