import { describeSeconds } from '../../backfill/progress-meter.ts'
import type { ReconcileProgress } from '../reconcile-context.ts'
import { count } from '../report/run-facts.ts'

/** Over how long the rate is taken. */
const WINDOW_MS = 15_000

const PHASES: Readonly<Record<ReconcileProgress['phase'], string>> = {
  scan: 'reading the source',
  fence: 'waiting until HQ has it',
  compare: 'comparing',
  recheck: 'reading suspects again',
  repair: 'sending once more',
}

/** Turns what a reconciliation tells now and then into a line that says how far it is. */
export class ProgressRate {
  readonly #samples: { readonly dataset: string; readonly atMs: number; readonly rows: number }[] =
    []

  /** @param atMs of a clock that only goes forward. */
  describe(progress: ReconcileProgress, atMs: number): string {
    const { dataset, phase, rows, estimatedRows, findings } = progress
    const samples = this.#samples
    if (samples.at(-1)?.dataset !== dataset) samples.length = 0
    samples.push({ dataset, atMs, rows })
    while (atMs - (samples[0]?.atMs ?? atMs) > WINDOW_MS) samples.shift()
    const first = samples[0] ?? { atMs, rows }
    const perSecond = ((rows - first.rows) * 1000) / Math.max(1, atMs - first.atMs)
    const left = (estimatedRows ?? 0) - rows
    return [
      `${dataset}: ${PHASES[phase]}`,
      `${count(rows)}${estimatedRows === null ? '' : ` of about ${count(estimatedRows)}`} rows`,
      perSecond > 0 ? `${count(perSecond)} rows/s` : '',
      perSecond > 0 && left > 0 ? `${describeSeconds(left / perSecond)} left` : '',
      findings === 0 ? '' : `${count(findings)} differ`,
    ]
      .filter((text) => text !== '')
      .join(', ')
  }
}
