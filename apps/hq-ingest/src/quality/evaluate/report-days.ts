import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { SEQUENCE_GAPS, WITHOUT_EVENTS } from '../checks/event-continuity.ts'
import { applyVerdict, type Told } from '../incident/apply-verdict.ts'
import { DAY_MS, HOUR_MS } from '../window/time.ts'
import { judgeDay } from './judge-day.ts'
import { type Progress, type Stream, writeProgress } from './progress.ts'

/** What belongs to the last runs of a day comes a little later. */
const AFTER_MS = HOUR_MS
/** One pass ends after so many days, however long nobody looked. */
const MAX_DAYS = 31

const KEEP = /* sql */ `
insert into ingest.quality_report (source, dataset, day, profile, events, verdicts)
values ($1, $2, $3, $4, $5, $6)
on conflict (source, dataset, day) do nothing`

/** Checks that only a whole day can be judged by, and whose incidents therefore count days. */
const DAILY: ReadonlySet<string> = new Set([SEQUENCE_GAPS, WITHOUT_EVENTS])

/**
 * Keeps the report of every day of a stream that is over and final.
 * @param through minutes before it are final, milliseconds since the epoch.
 * @returns what is to be told.
 */
export async function reportDays(
  client: pg.ClientBase,
  stream: Stream,
  progress: Progress,
  through: number,
): Promise<Told[]> {
  const told: Told[] = []
  const { source, dataset } = stream
  let begin = progress.reportedThrough
  for (let days = 0; days < MAX_DAYS && begin + DAY_MS + AFTER_MS <= through; days++) {
    const end = begin + DAY_MS
    const judged = await judgeDay(client, stream, progress, begin, end)
    const { day, profile, events, verdicts } = judged
    const of = { ...stream, begin, end }
    await transact(client, async () => {
      await client.query(KEEP, [
        ...[source, dataset, day, JSON.stringify(profile)],
        events === null ? null : JSON.stringify(events),
        JSON.stringify(verdicts),
      ])
      for (const verdict of verdicts.filter(({ check }) => DAILY.has(check))) {
        const step = await applyVerdict(client, { ...of, verdict })
        if (step !== undefined) told.push(step)
      }
      await writeProgress(client, stream, { reportedThrough: end })
    })
    begin = end
  }
  return told
}
