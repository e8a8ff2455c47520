import { columnOf, type Dataset } from '@hq-export/contract'
import type { Profile } from '../../profile/profile.ts'
import { dispersion } from '../statistics/dispersion.ts'
import { type Cause, failed, passed, undecided } from '../verdict.ts'
import type { Baseline, Span, WindowCheck } from './check.ts'
import { writtenRows } from './counts.ts'
import { mixCells, OTHERS, total } from './mix/run-mix.ts'

/** So many rows are awaited before none of them says something: e^-10 is once in 22,000. */
const AWAITED = 10
/** What comes of something that has stopped, as a share of what is awaited. */
const STRAGGLERS = 0.05
/** Operations that are named. */
const MAX_NAMED = 3

const NAME = 'volume'

/** How often something usually comes: rows an hour, or of all rows. */
interface Usual {
  readonly rate: number
  /** By how much it comes less evenly than by chance. */
  readonly dispersion: number
}

function usualRows({ hours, total: allHours }: Baseline): Usual {
  const counts = hours.map(writtenRows)
  const rate = total(counts) / allHours
  if (rate === 0) return { rate, dispersion: 1 }
  const quiet = new Array<number>(Math.max(0, allHours - counts.length)).fill(0)
  const squares = [...counts, ...quiet].map((count) => (count - rate) ** 2 / rate)
  return { rate, dispersion: dispersion(squares, 1) }
}

/** Rows by operation; those of operations that were not kept as {@link OTHERS}. */
function byOperation(profile: Profile, endings: readonly string[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { operation, counts } of mixCells(profile, endings)) {
    sums.set(operation, (sums.get(operation) ?? 0) + total(counts))
  }
  return sums
}

function usualOperations({ hours }: Baseline, endings: readonly string[]): Map<string, Usual> {
  const perHour = hours.map((hour) => byOperation(hour, endings))
  const rows = perHour.map((counts) => total([...counts.values()]))
  const all = total(rows)
  const sums = new Map<string, number>()
  for (const counts of perHour) {
    for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count)
  }
  const usual = new Map<string, Usual>()
  for (const [name, sum] of sums) {
    if (name === OTHERS) continue
    const rate = sum / all
    const squares = perHour.flatMap((counts, index) => {
      const awaited = (rows[index] ?? 0) * rate
      if (awaited === 0) return []
      return [((counts.get(name) ?? 0) - awaited) ** 2 / awaited]
    })
    usual.set(name, { rate, dispersion: dispersion(squares, 1) })
  }
  return usual
}

/** The shortest span in which enough is awaited for its absence to say something. */
function firstTelling(
  spans: readonly Span[],
  awaitedIn: (span: Span) => number,
  { dispersion: times }: Usual,
): { readonly span: Span; readonly awaited: number } | undefined {
  for (const span of spans) {
    const awaited = awaitedIn(span)
    if (awaited / times >= AWAITED) return { span, awaited }
  }
  return undefined
}

function stoppedOperations(
  spans: readonly Span[],
  baseline: Baseline,
  endings: readonly string[],
): Cause[] {
  const seen = spans.map((span) => ({ span, counts: byOperation(span.profile, endings) }))
  const countsOf = (span: Span) => seen.find((each) => each.span === span)?.counts ?? new Map()
  const rowsOf = (span: Span) => total([...countsOf(span).values()])
  const stopped: Cause[] = []
  for (const [name, usual] of usualOperations(baseline, endings)) {
    const told = firstTelling(spans, (span) => rowsOf(span) * usual.rate, usual)
    if (told === undefined) continue
    const counts = countsOf(told.span)
    // Whoever is not named may be among the others.
    const count = (counts.get(name) ?? 0) + (counts.get(OTHERS) ?? 0)
    if (count > told.awaited * STRAGGLERS) continue
    stopped.push({ what: 'operation_id', name, count, of: rowsOf(told.span), usual: usual.rate })
  }
  return stopped.sort((a, b) => (b.usual ?? 0) - (a.usual ?? 0))
}

/**
 * Something that used to come and comes no more: all rows, or those of an operation among the
 * others. Looks at spans that end now, so that what is rare is awaited for longer.
 */
export function volume({ quality: { distribution } }: Dataset): WindowCheck {
  return {
    name: NAME,
    judge({ dataset, baseline, spans, isHeard }) {
      const [shortest] = spans
      const rows = shortest === undefined ? 0 : writtenRows(shortest.profile)
      const base = { check: NAME, metric: 'rows that came', rows }
      if (!isHeard) return undecided(base, 'heartbeat')
      if (baseline.total < baseline.warmUp) return undecided(base, 'baseline')
      const usual = usualRows(baseline)
      const awaitedIn = ({ minutes }: Span) => (usual.rate * minutes) / 60
      const told = firstTelling(spans, awaitedIn, usual)
      if (told !== undefined) {
        const { awaited } = told
        const count = writtenRows(told.span.profile)
        const threshold = awaited * STRAGGLERS
        const measured = { ...base, value: count, threshold, baseline: awaited, rows: count }
        if (count <= threshold) {
          return failed({ ...measured, fraction: 1 - count / awaited }, 'silent', 'warn')
        }
      } else if (rows === 0) return undecided(base, 'rows')
      if (distribution !== undefined) {
        const endings = columnOf(dataset, distribution.column).values ?? []
        const stopped = stoppedOperations(spans, baseline, endings)
        const metric = 'operations that have stopped'
        const measured = { ...base, metric, value: stopped.length, threshold: 1, baseline: 0 }
        if (stopped.length > 0) {
          return failed({ ...measured, worst: stopped.slice(0, MAX_NAMED) }, 'operation', 'warn')
        }
      }
      return passed({ ...base, value: rows, baseline: told === undefined ? null : told.awaited })
    },
  }
}
