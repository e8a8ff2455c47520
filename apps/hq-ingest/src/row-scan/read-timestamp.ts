import { byteAt, DOT, MINUS, templateEnd, templateOf, UNKNOWN, ZERO } from './bytes.ts'
import { LENGTH_BYTES, type Source } from './field.ts'

const DATE_TIME = templateOf('0000-00-00T00:00:00')
const OFFSET = templateOf('00:00')
const FRACTION_DIGITS = 6
const MAX_OFFSET_HOURS = 15
const LETTER_Z = 0x5a
const PLUS = 0x2b
const DAYS_OF_MONTHS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
/** Days in front of each month, of years that are no leap years. */
const DAYS_BEFORE = DAYS_OF_MONTHS.map((_, month) =>
  DAYS_OF_MONTHS.slice(0, month).reduce((sum, days) => sum + days, 0),
)
const FEBRUARY = 2
/** Days from the first one of year 1 to that of 2000, where PostgreSQL's time begins. */
const DAYS_BEFORE_2000 = 730_119
const TIMESTAMP_BYTES = 8
const US_PER_MINUTE = 60_000_000
const US_PER_SECOND = 1_000_000
/** A day has 20 times 2^32 us, and these. */
const US_PER_DAY_HIGH = 20
const US_PER_DAY_LOW = 86_400_000_000 - US_PER_DAY_HIGH * 0x1_0000_0000

function twoDigits(body: Uint8Array, at: number): number {
  return 10 * (byteAt(body, at) - ZERO) + byteAt(body, at + 1) - ZERO
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

function daysBeforeYear(year: number): number {
  const before = year - 1
  return 365 * before + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400)
}

/**
 * Reads a timestamp with its offset, of a day that the calendar has, and writes it as PostgreSQL
 * keeps it: microseconds since 2000, which may be more than a number holds exactly, so in halves.
 */
export function readTimestamp({ bytes }: Source, at: number, fields: DataView, to: number): number {
  if (templateEnd(bytes, at, DATE_TIME) === UNKNOWN) return UNKNOWN
  const year = 100 * twoDigits(bytes, at) + twoDigits(bytes, at + 2)
  const month = twoDigits(bytes, at + 5)
  const day = twoDigits(bytes, at + 8)
  const leapDay = isLeap(year) ? 1 : 0
  const days = (DAYS_OF_MONTHS[month] ?? 0) + (month === FEBRUARY ? leapDay : 0)
  if (year === 0 || day === 0 || day > days) return UNKNOWN
  const [hour, minute] = [twoDigits(bytes, at + 11), twoDigits(bytes, at + 14)]
  const second = twoDigits(bytes, at + 17)
  if (hour > 23 || minute > 59 || second > 59) return UNKNOWN

  let end = at + DATE_TIME.length
  let fraction = 0
  if (byteAt(bytes, end) === DOT) {
    const first = end + 1
    end = first
    for (let digit = byteAt(bytes, end) - ZERO; digit >= 0 && digit <= 9; ) {
      fraction = 10 * fraction + digit
      digit = byteAt(bytes, ++end) - ZERO
    }
    if (end === first || end > first + FRACTION_DIGITS) return UNKNOWN
    for (let digits = end - first; digits < FRACTION_DIGITS; digits++) fraction *= 10
  }
  let offset = 0
  const sign = byteAt(bytes, end++)
  if (sign !== LETTER_Z) {
    if (sign !== PLUS && sign !== MINUS) return UNKNOWN
    if (templateEnd(bytes, end, OFFSET) === UNKNOWN) return UNKNOWN
    const [hours, minutes] = [twoDigits(bytes, end), twoDigits(bytes, end + 3)]
    if (hours > MAX_OFFSET_HOURS || minutes > 59) return UNKNOWN
    offset = (sign === PLUS ? 60 : -60) * hours + (sign === PLUS ? minutes : -minutes)
    end += OFFSET.length
  }

  const daysInYear = (DAYS_BEFORE[month] ?? 0) + (month > FEBRUARY ? leapDay : 0) + day - 1
  const dayNumber = daysBeforeYear(year) - DAYS_BEFORE_2000 + daysInYear
  const low =
    dayNumber * US_PER_DAY_LOW +
    (hour * 60 + minute - offset) * US_PER_MINUTE +
    second * US_PER_SECOND +
    fraction
  fields.setInt32(to, TIMESTAMP_BYTES)
  fields.setInt32(to + LENGTH_BYTES, dayNumber * US_PER_DAY_HIGH + Math.floor(low / 0x1_0000_0000))
  // Modulo 2^32, also of what is below zero.
  fields.setUint32(to + LENGTH_BYTES + 4, low)
  return end
}
