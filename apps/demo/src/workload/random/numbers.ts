import type { Random } from './random.ts'

const MICROSECOND_DIGITS = 3
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** With their minutes. */
const OFFSETS = [
  ['Z', 0],
  ['+00:00', 0],
  ['+05:30', 330],
  ['-03:00', -180],
  ['+14:00', 840],
] as const

/**
 * A decimal as text: usual prices, trailing zeros, 40 digits, very small and very large ones. No
 * double holds them all.
 */
export function decimal(random: Random): string {
  switch (random.integer(0, 5)) {
    case 0:
      return `0.${random.digits(2)}0`
    case 1:
      return `${random.digits(20)}.${random.digits(20)}`
    case 2:
      return `0.${'0'.repeat(random.integer(5, 20))}${random.digits(20)}`
    case 3:
      return random.pick(['0', '0.00', '1', '1.10', '100'])
    default:
      return `${random.digits(random.integer(1, 3))}.${random.digits(6)}`
  }
}

function between(random: Random, oldestMs: number, newestMs: number): string {
  const [offset, minutes] = random.pick(OFFSETS)
  const ms = Date.now() - random.integer(newestMs, oldestMs) + minutes * MINUTE_MS
  const wall = new Date(ms).toISOString()
  return wall.replace('Z', `${random.digits(MICROSECOND_DIGITS)}${offset}`)
}

/** A moment of the last day to the microsecond, in some offset, as text that PostgreSQL reads. */
export function moment(random: Random): string {
  return between(random, DAY_MS, MINUTE_MS)
}

/** The same, before every {@link endMoment} that is drawn afterwards. */
export function startMoment(random: Random): string {
  return between(random, DAY_MS, HOUR_MS + MINUTE_MS)
}

/** A moment of the last hour. */
export function endMoment(random: Random): string {
  return between(random, HOUR_MS, MINUTE_MS)
}

/**
 * The version of a new entity: 1, but for a few that a migration brought along, beyond what a
 * double counts exactly and near the end of int8, with room for what the workload adds.
 */
export function firstVersion(random: Random): string {
  const draw = random.fraction()
  if (draw < 0.01) return '9007199254740993'
  if (draw < 0.02) return '9223372035000000001'
  return '1'
}
