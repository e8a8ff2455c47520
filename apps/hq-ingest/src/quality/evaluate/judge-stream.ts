import { datasetByName } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import type { Profile } from '../../profile/profile.ts'
import { readMinutes } from '../../profile/read-minutes.ts'
import { applyVerdict, type Told } from '../incident/apply-verdict.ts'
import { judgeWindow } from '../window/judge-window.ts'
import { DAY_MS, floorTo, WINDOW_MS } from '../window/time.ts'
import { wasHeard } from './heartbeats.ts'
import { knownSets } from './known-values.ts'
import { type Progress, type Stream, writeProgress } from './progress.ts'
import { readComparison } from './read-comparison.ts'
import { readHours, readIncidents } from './read-history.ts'
import { readTolerances } from './read-tolerances.ts'

/** What nobody judged for longer is not judged any more: it is over, and in the day's report. */
const MAX_BEHIND_MS = DAY_MS

async function readWindows(
  client: pg.ClientBase,
  stream: Stream,
  from: number,
  to: number,
): Promise<Map<number, Profile>> {
  const windows = new Map<number, Profile>()
  const bucketMinutes = WINDOW_MS / 60_000
  for await (const bucket of readMinutes(client, { ...stream, from, to, bucketMinutes })) {
    windows.set(bucket.from, bucket.profile)
  }
  return windows
}

/**
 * Judges the windows of a stream that are final and were not judged, the oldest first, each in a
 * transaction of its own.
 * @param through minutes before it are final, milliseconds since the epoch.
 * @returns what is to be told.
 */
export async function judgeStream(
  client: pg.ClientBase,
  stream: Stream,
  progress: Progress,
  through: number,
): Promise<Told[]> {
  const last = floorTo(through, WINDOW_MS)
  const first = Math.max(progress.judgedThrough, last - MAX_BEHIND_MS)
  if (first >= last) return []
  const dataset = datasetByName(stream.dataset)
  const windows = await readWindows(client, stream, first - DAY_MS, last)
  const hours = await readHours(client, stream, first, last)
  const told: Told[] = []
  let { pending } = progress
  for (let end = first + WINDOW_MS; end <= last; end += WINDOW_MS) {
    const begin = end - WINDOW_MS
    // Read anew: the window before may have opened one.
    const incidents = await readIncidents(client, stream, begin)
    const oldest = Math.min(begin, ...Object.values(pending))
    const profiles = [...windows].filter(([at]) => at >= oldest && at < end)
    const judged = judgeWindow({
      dataset,
      end,
      windows,
      history: { hours, since: progress.since, incidents },
      pending,
      comparison: await readComparison(client, stream, end),
      known: await knownSets(
        client,
        stream,
        dataset,
        profiles.map(([, each]) => each),
        oldest,
      ),
      isHeard: await wasHeard(client, stream.source, end),
      tolerances: await readTolerances(client, stream),
    })
    await transact(client, async () => {
      for (const { begin: from, verdict } of judged.checks) {
        const step = await applyVerdict(client, { ...stream, verdict, begin: from, end })
        if (step !== undefined) told.push(step)
      }
      await writeProgress(client, stream, { judgedThrough: end, pending: judged.pending })
    })
    pending = judged.pending
  }
  return told
}
