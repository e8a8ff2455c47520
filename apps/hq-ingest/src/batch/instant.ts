const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function isLeapYear(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

/**
 * True if a text that matches `TIMESTAMP_PATTERN` names a day that exists. PostgreSQL has no year 0 and refuses
 * 30 February, the pattern does not.
 */
export function isInstant(text: string): boolean {
  const year = Number(text.slice(0, 4))
  const month = Number(text.slice(5, 7))
  const day = Number(text.slice(8, 10))
  if (year === 0) return false
  if (month === 2 && day === 29) return isLeapYear(year)
  return day <= (DAYS_OF_MONTH[month - 1] ?? 0)
}
