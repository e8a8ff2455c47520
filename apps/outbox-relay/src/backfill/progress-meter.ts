import type { BackfillRecord } from './backfill-record.ts'
import { totalsOf } from './progress.ts'

/** Over how long the rate is taken. */
const WINDOW_MS = 15_000
const BAR_CELLS = 24

const count = (value: number): string => Math.round(value).toLocaleString('en-US')

/** A duration for people. */
export function describeSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

/**
 * Turns what a backfill has recorded now and then into a line that says how far it is and how long
 * it will take.
 */
export class ProgressMeter {
  readonly #samples: { readonly atMs: number; readonly scanned: number }[] = []

  /** @param atMs of a clock that only goes forward. */
  describe(record: BackfillRecord, atMs: number): string {
    const { scanned, estimated, refused, counts } = totalsOf(record.progress)
    this.#samples.push({ atMs, scanned })
    while (atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift()
    const first = this.#samples[0] ?? { atMs, scanned }
    const perSecond = ((scanned - first.scanned) * 1000) / Math.max(1, atMs - first.atMs)
    // The estimate is one: never say that it is done before it is.
    const isDone = record.state === 'completed'
    const part = isDone ? 1 : Math.min(0.99, scanned / Math.max(1, estimated))
    const filled = Math.floor(part * BAR_CELLS)
    const current = record.progress.passes.find((pass) => !pass.isDone)
    const left = perSecond > 0 ? describeSeconds((estimated - scanned) / perSecond) : 'unknown time'
    return [
      `backfill ${record.id} [${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ` +
        `${Math.floor(part * 100)} %`,
      current === undefined ? '' : `${current.dataset} ${current.kind}`,
      `${count(scanned)} of about ${count(estimated)} looked at`,
      `${count(counts.received)} settled`,
      refused === 0 ? '' : `${count(refused)} refused`,
      record.state === 'running' ? `${count(perSecond)} rows/s, ${left} left` : record.state,
      record.reason ?? '',
    ]
      .filter((text) => text !== '')
      .join(', ')
  }
}
