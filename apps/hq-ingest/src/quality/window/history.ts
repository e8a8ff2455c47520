import type { Profile } from '../../profile/profile.ts'
import { ACCEPTED_WARM_UP_HOURS, type Baseline, WARM_UP_HOURS } from '../checks/check.ts'
import { writtenRows } from '../checks/counts.ts'
import { isOpenSetCheck } from '../checks/open-set.ts'
import { MIN_BASELINE_ROWS, MIN_ROWS } from '../statistics/min-rows.ts'
import { DAY_MS, floorTo, HOUR_MS } from './time.ts'

/** An hour in which rows came. */
export interface HourProfile {
  readonly hour: number
  readonly profile: Profile
}

/** When a check had failed; what of it matters to what is usual. Milliseconds since the epoch. */
export interface PastIncident {
  readonly check: string
  readonly beganAt: number
  /** Infinite while it is open. */
  readonly closedAt: number
  readonly isAccepted: boolean
}

/** All that is known of a dataset of a source. */
export interface History {
  /** In the order of time. */
  readonly hours: readonly HourProfile[]
  /** Begin of the hour in which rows came first. */
  readonly since: number
  readonly incidents: readonly PastIncident[]
}

const BASELINE_DAYS = 28
const WEEK_MS = 7 * DAY_MS
/** So many times the same hour of the week must have been seen to be what is usual in it. */
const MIN_ALIKE = 4

function isAlike(hour: number, begin: number): boolean {
  return (hour - floorTo(begin, HOUR_MS)) % WEEK_MS === 0
}

/**
 * What is usual for a check of a window: the 28 whole days before it, without the hours of its own
 * incidents. From an incident on that somebody accepted, nothing before it is usual any more, and
 * everything since is; but of an open set, whose old values are known as before.
 * @param begin and `end` of the window, milliseconds since the epoch.
 */
export function baselineOf(
  { hours, since, incidents }: History,
  check: string,
  begin: number,
  end: number,
): Baseline {
  const own = incidents.filter((incident) => incident.check === check && incident.beganAt < end)
  const accepted = own
    .filter(({ isAccepted }) => isAccepted && !isOpenSetCheck(check))
    .reduce((latest, { beganAt }) => Math.max(latest, beganAt), Number.NEGATIVE_INFINITY)
  const today = floorTo(begin, DAY_MS)
  const before = accepted === Number.NEGATIVE_INFINITY ? today : floorTo(begin, HOUR_MS)
  const from = Math.max(today - BASELINE_DAYS * DAY_MS, since, accepted)
  const isUsual = (hour: number) =>
    hour >= from &&
    hour < before &&
    !own.some(
      ({ isAccepted, beganAt, closedAt }) =>
        !isAccepted && beganAt < hour + HOUR_MS && closedAt > hour,
    )
  let total = 0
  for (let hour = Math.ceil(from / HOUR_MS) * HOUR_MS; hour < before; hour += HOUR_MS) {
    if (isUsual(hour)) total++
  }
  const usual = hours.filter(({ hour }) => isUsual(hour))
  const alike = usual.filter(
    ({ hour, profile }) => isAlike(hour, begin) && writtenRows(profile) >= MIN_ROWS,
  )
  const alikeRows = alike.reduce((sum, { profile }) => sum + writtenRows(profile), 0)
  const isTelling =
    end - begin <= HOUR_MS && alike.length >= MIN_ALIKE && alikeRows >= MIN_BASELINE_ROWS
  const profiles = usual.map(({ profile }) => profile)
  return {
    hours: profiles,
    alike: isTelling ? alike.map(({ profile }) => profile) : profiles,
    total,
    warmUp: accepted === Number.NEGATIVE_INFINITY ? WARM_UP_HOURS : ACCEPTED_WARM_UP_HOURS,
  }
}
