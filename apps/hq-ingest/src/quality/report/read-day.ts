import { balanceDifference, balanceRowSchema, DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import type { Profile } from '../../profile/profile.ts'
import { rolledUpThrough } from '../../profile/rolled-up-through.ts'
import { judgeDay } from '../evaluate/judge-day.ts'
import { readProgress, type Stream } from '../evaluate/progress.ts'
import { listSources } from '../evaluate/sources.ts'
import type { Verdict } from '../verdict.ts'
import { DAY_MS, dayOf } from '../window/time.ts'
import { readVerdicts } from './read-verdicts.ts'

/** What a day of a dataset of a source came to. */
export interface DayReport extends Stream {
  /** UTC, by HQ's clock. */
  readonly day: string
  /** The report that is kept: the day is over, and all of it is in. */
  readonly isFinal: boolean
  /** The day is over, and some of its minutes are not summed up yet. */
  readonly isBehind: boolean
  readonly profile: Profile
  readonly verdicts: readonly Verdict[]
  /**
   * By the source's clock: rows that were captured on that day and of which nobody knows what
   * became; null where the source has not said.
   */
  readonly balanceDifference: number | null
}

const STORED = /* sql */ `
select profile, verdicts from ingest.quality_report
where source = $1 and dataset = $2 and day = $3::date`

const BALANCE = /* sql */ `
select day::text as day, dataset, captured::float8 as captured, inserted::float8 as inserted,
  updated::float8 as updated, superseded::float8 as superseded, duplicate::float8 as duplicate,
  stale::float8 as stale, refused::float8 as refused, filtered::float8 as filtered,
  waiting::float8 as waiting
from ingest.balance where source = $1 and dataset = $2 and day = $3::date`

async function readBalanceDifference(
  client: pg.ClientBase,
  { source, dataset }: Stream,
  day: string,
): Promise<number | null> {
  const { rows } = await client.query(BALANCE, [source, dataset, day])
  return rows[0] === undefined ? null : balanceDifference(balanceRowSchema.parse(rows[0]))
}

async function readStream(
  client: pg.ClientBase,
  stream: Stream,
  begin: number,
  through: number,
  now: number,
): Promise<DayReport | undefined> {
  const day = dayOf(begin)
  const { source, dataset } = stream
  const difference = await readBalanceDifference(client, stream, day)
  const beside = { ...stream, day, balanceDifference: difference }
  const { rows } = await client.query<Pick<DayReport, 'profile' | 'verdicts'>>(STORED, [
    ...[source, dataset, day],
  ])
  const [kept] = rows
  if (kept !== undefined) {
    const verdicts = readVerdicts({ day, dataset, ...kept })
    return { ...beside, isFinal: true, isBehind: false, profile: kept.profile, verdicts }
  }
  const progress = await readProgress(client, stream)
  const end = Math.min(begin + DAY_MS, through)
  if (progress === undefined || end <= begin) return undefined
  const { profile, verdicts } = await judgeDay(client, stream, progress, begin, end)
  const isBehind = through < begin + DAY_MS && now >= begin + DAY_MS
  return { ...beside, isFinal: false, isBehind, profile, verdicts }
}

/**
 * Reads what a day came to: what is kept of it, or, of a day that is not over, what its rows are
 * like so far. Writes nothing but how far a stream that is new was judged.
 * @param begin of the day, and `now` by HQ's clock: milliseconds since the epoch.
 */
export async function readDay(
  client: pg.ClientBase,
  begin: number,
  now: number,
  filter: { readonly source?: string; readonly dataset?: string },
): Promise<DayReport[]> {
  const through = await rolledUpThrough(client)
  if (through === undefined) return []
  const reports: DayReport[] = []
  for (const source of await listSources(client)) {
    if (filter.source !== undefined && filter.source !== source) continue
    for (const { name: dataset } of DATASETS) {
      if (filter.dataset !== undefined && filter.dataset !== dataset) continue
      const report = await readStream(client, { source, dataset }, begin, through, now)
      if (report !== undefined) reports.push(report)
    }
  }
  return reports
}

/**
 * What a day came to as a whole. `unknown`: nothing failed, and nothing could be told, or not of all
 * of a day that is over.
 */
export function judgementOf(reports: readonly DayReport[]): 'good' | 'bad' | 'unknown' {
  const verdicts = reports.flatMap((report) => report.verdicts)
  const isUnbalanced = reports.some(({ balanceDifference: rows }) => (rows ?? 0) !== 0)
  if (isUnbalanced || verdicts.some(({ verdict }) => verdict === 'fail')) return 'bad'
  if (reports.some(({ isBehind }) => isBehind)) return 'unknown'
  return verdicts.some(({ verdict }) => verdict === 'pass') ? 'good' : 'unknown'
}
