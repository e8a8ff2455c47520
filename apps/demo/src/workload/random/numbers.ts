import type { Random } from './random.ts'

const MICROSECOND_DIGITS = 3
const DAY_MS = 86_400_000
const OFFSETS = ['Z', '+00:00', '+05:30', '-03:00', '+14:00'] as const

/**
 * A decimal as text: usual prices, trailing zeros, 40 digits, very small and very large ones. No
 * double holds them all.
 */
export function decimal(random: Random): string {
  const sign = random.chance(0.03) ? '-' : ''
  switch (random.integer(0, 5)) {
    case 0:
      return `${sign}0.${random.digits(2)}0`
    case 1:
      return `${sign}${random.digits(20)}.${random.digits(20)}`
    case 2:
      return `${sign}0.${'0'.repeat(random.integer(5, 20))}${random.digits(20)}`
    case 3:
      return random.pick(['0', '0.00', '1', '1.10', '100'])
    default:
      return `${sign}${random.digits(random.integer(1, 3))}.${random.digits(6)}`
  }
}

/** A moment of the last day to the microsecond, in some offset, as text that PostgreSQL reads. */
export function moment(random: Random): string {
  const date = new Date(Date.now() - random.integer(0, DAY_MS))
  const offset = random.pick(OFFSETS)
  return date.toISOString().replace('Z', `${random.digits(MICROSECOND_DIGITS)}${offset}`)
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
