import { datasetByName, HEARTBEAT_DATASET } from '@hq-export/contract'
import type pg from 'pg'
import { SEQUENCE_GAPS, WITHOUT_EVENTS } from '../checks/event-continuity.ts'
import { LAG } from '../checks/lag.ts'
import { windowChecks } from '../checks/window-checks.ts'
import { type DismissedCheck, listDismissed } from '../incident/list-dismissed.ts'
import type { Severity } from '../verdict.ts'
import { DAY_MS, dayOf, floorTo } from '../window/time.ts'

export const WEEK_MS = 7 * DAY_MS
/** A Monday. */
const FIRST_WEEK = Date.UTC(1970, 0, 5)

/** A check of a dataset. */
export interface NamedCheck {
  readonly dataset: string
  readonly check: string
}

/** An incident that was open in a week. */
export interface WeekIncident extends NamedCheck {
  readonly id: string
  readonly severity: Severity
  readonly beganAt: string
  readonly closedAt: string | null
  readonly isAccepted: boolean
}

/** What the checks of a source came to in a week, and which of them are worth nothing. */
export interface WeekDigest {
  readonly source: string
  /** Its Monday. */
  readonly week: string
  readonly incidents: readonly WeekIncident[]
  /** Had no incident as long as incidents are kept, a week at least. */
  readonly neverFired: readonly NamedCheck[]
  /** Had some, and somebody accepted all of them. */
  readonly firedFalsely: readonly NamedCheck[]
  /** Ask to be changed, as of when this was made. */
  readonly dismissed: readonly DismissedCheck[]
}

/** The Monday of a time; milliseconds since the epoch. */
export function weekOf(time: number): number {
  return floorTo(time - FIRST_WEEK, WEEK_MS) + FIRST_WEEK
}

const INCIDENTS = /* sql */ `
select id::text as id, dataset, check_name as "check", severity,
  pg_catalog.to_json(began_at) #>> '{}' as "beganAt",
  pg_catalog.to_json(closed_at) #>> '{}' as "closedAt", accepted_at is not null as "isAccepted"
from ingest.incident
where source = $1 and began_at < pg_catalog.to_timestamp($3::float8 / 1000)
  and coalesce(closed_at, 'infinity') >= pg_catalog.to_timestamp($2::float8 / 1000)
order by began_at, id`

const FIRED = /* sql */ `
select dataset, check_name as "check", pg_catalog.bool_and(accepted_at is not null) as "isFalse"
from ingest.incident
where source = $1 and began_at < pg_catalog.to_timestamp($2::float8 / 1000)
group by dataset, check_name order by dataset, check_name`

// Those that were judged for the whole week.
const JUDGED = /* sql */ `
select dataset from ingest.quality_progress
where source = $1 and since <= pg_catalog.to_timestamp($2::float8 / 1000)`

function checksOf(name: string): string[] {
  if (name === HEARTBEAT_DATASET) return [LAG]
  const dataset = datasetByName(name)
  const daily = dataset.quality.sequence === undefined ? [] : [SEQUENCE_GAPS, WITHOUT_EVENTS]
  return [LAG, ...windowChecks(dataset).map((check) => check.name), ...daily]
}

/**
 * What a week came to, as it is known now.
 * @param begin a Monday, milliseconds since the epoch.
 */
export async function digestWeek(
  client: pg.ClientBase,
  source: string,
  begin: number,
): Promise<WeekDigest> {
  const end = begin + WEEK_MS
  const incidents = (await client.query<WeekIncident>(INCIDENTS, [source, begin, end])).rows
  const fired = (await client.query<NamedCheck & { isFalse: boolean }>(FIRED, [source, end])).rows
  const judged = (await client.query<{ dataset: string }>(JUDGED, [source, begin])).rows
  const known = new Set(fired.map(({ dataset, check }) => `${dataset} ${check}`))
  const neverFired = judged.flatMap(({ dataset }) =>
    checksOf(dataset)
      .filter((check) => !known.has(`${dataset} ${check}`))
      .map((check) => ({ dataset, check })),
  )
  const firedFalsely = fired.flatMap(({ isFalse, ...check }) => (isFalse ? [check] : []))
  const dismissed = (await listDismissed(client)).filter((each) => each.source === source)
  return { source, week: dayOf(begin), incidents, neverFired, firedFalsely, dismissed }
}
