import { datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { mergeProfiles } from '../../profile/merge-profiles.ts'
import type { Profile } from '../../profile/profile.ts'
import { readMinutes } from '../../profile/read-minutes.ts'
import {
  type EventsOfRuns,
  runsWithoutEvents,
  sequenceGaps,
  WITHOUT_EVENTS,
} from '../checks/event-continuity.ts'
import { windowChecks } from '../checks/window-checks.ts'
import { tolerate, type Verdict } from '../verdict.ts'
import { baselineOf } from '../window/history.ts'
import { DAY_MS, dayOf } from '../window/time.ts'
import { wasHeard } from './heartbeats.ts'
import { knownSets } from './known-values.ts'
import type { Progress, Stream } from './progress.ts'
import { readComparison } from './read-comparison.ts'
import { readEventsOfRuns } from './read-events-of-runs.ts'
import { readHours, readIncidents } from './read-history.ts'
import { readTolerances } from './read-tolerances.ts'

/** What a day of a stream came to. */
export interface JudgedDay {
  readonly day: string
  readonly profile: Profile
  readonly events: EventsOfRuns | null
  readonly verdicts: readonly Verdict[]
}

/** Days whose runs are the usual. */
const BEFORE_DAYS = 28

// From the day on of an incident that somebody accepted, as it is with windows.
const EVENTS_BEFORE = /* sql */ `
select r.events from ingest.quality_report r
where r.source = $1 and r.dataset = $2 and r.day < $3::date and r.day >= $3::date - ${BEFORE_DAYS}
  and r.events is not null
  and r.day >= coalesce((
    select (pg_catalog.max(i.began_at) at time zone 'UTC')::date from ingest.incident i
    where i.source = $1 and i.dataset = $2 and i.check_name = $4 and i.accepted_at is not null
      and i.began_at < $3::date::timestamp at time zone 'UTC'), '-infinity')
  and not exists (
    select from ingest.incident i
    where i.source = $1 and i.dataset = $2 and i.check_name = $4 and i.accepted_at is null
      and i.began_at < (r.day + 1)::timestamp at time zone 'UTC'
      and coalesce(i.closed_at, 'infinity') > r.day::timestamp at time zone 'UTC')`

async function readEventsBefore(
  client: pg.ClientBase,
  { source, dataset }: Stream,
  day: string,
): Promise<EventsOfRuns[]> {
  const { rows } = await client.query<{ events: EventsOfRuns }>(EVENTS_BEFORE, [
    ...[source, dataset, day, WITHOUT_EVENTS],
  ])
  return rows.map(({ events }) => events)
}

/** From its minutes, and not from hours: the hour that runs is part of it. */
async function profileOf(
  client: pg.ClientBase,
  stream: Stream,
  from: number,
  to: number,
): Promise<Profile> {
  const hours: Profile[] = []
  for await (const hour of readMinutes(client, { ...stream, from, to, bucketMinutes: 60 })) {
    hours.push(hour.profile)
  }
  return mergeProfiles(hours)
}

/**
 * Judges all rows of a day that came until `end`, against the 28 days before; and what only HQ's
 * own tables can tell, once a day.
 * @param begin of the day, milliseconds since the epoch.
 */
export async function judgeDay(
  client: pg.ClientBase,
  stream: Stream,
  progress: Progress,
  begin: number,
  end: number,
): Promise<JudgedDay> {
  const dataset = datasetByName(stream.dataset)
  const hours = await readHours(client, stream, begin, end)
  const incidents = await readIncidents(client, stream, begin)
  const history = { hours, since: progress.since, incidents }
  const tested = await profileOf(client, stream, begin, end)
  const input = {
    dataset,
    tested,
    spans: [{ minutes: (end - begin) / 60_000, profile: tested }],
    comparison: await readComparison(client, stream, begin + DAY_MS),
    known: await knownSets(client, stream, dataset, [tested], begin),
    isHeard: await wasHeard(client, stream.source, end),
  }
  const tolerances = await readTolerances(client, stream)
  const verdicts = windowChecks(dataset).map(({ name, judge }) =>
    tolerate(judge({ ...input, baseline: baselineOf(history, name, begin, end) }), tolerances),
  )
  const day = dayOf(begin)
  if (dataset.quality.sequence === undefined) {
    return { day, profile: tested, events: null, verdicts }
  }
  const events = await readEventsOfRuns(client, stream.source, begin)
  const before = await readEventsBefore(client, stream, day)
  const ofEvents = [sequenceGaps(events), tolerate(runsWithoutEvents(events, before), tolerances)]
  return { day, profile: tested, events, verdicts: [...verdicts, ...ofEvents] }
}
