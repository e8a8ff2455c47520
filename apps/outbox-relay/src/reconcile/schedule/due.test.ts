import { expect, test } from 'vitest'
import { parseCronTime } from '../../process/cron-time.ts'
import { Due } from './due.ts'

function dueAt(text: string, now: string) {
  const time = parseCronTime(text)
  if (time === undefined) throw new Error(`${text} is no cron expression`)
  const due = new Due(time, new Date(now))
  return (at: string) => due.look(new Date(at))?.toISOString()
}

test('a moment has come once, at the first look after it', () => {
  const look = dueAt('0 3 * * *', '2026-03-01T02:00:00Z')
  expect(look('2026-03-01T02:59:59Z')).toBeUndefined()
  expect(look('2026-03-01T03:00:00Z')).toBe('2026-03-01T03:00:00.000Z')
  expect(look('2026-03-01T03:00:30Z')).toBeUndefined()
  expect(look('2026-03-02T03:00:10Z')).toBe('2026-03-02T03:00:00.000Z')
})

test('after a clock was set forward, or a machine slept for days, it has come once', () => {
  const look = dueAt('0 3 * * *', '2026-03-01T02:00:00Z')
  expect(look('2026-03-05T12:00:00Z')).toBe('2026-03-01T03:00:00.000Z')
  expect(look('2026-03-05T12:00:30Z')).toBeUndefined()
})

test('after a clock was set back it comes again from there, and not for the years between', () => {
  const look = dueAt('0 3 * * *', '2030-01-01T00:00:00Z')
  expect(look('2026-03-01T02:59:00Z')).toBeUndefined()
  expect(look('2026-03-01T03:00:01Z')).toBe('2026-03-01T03:00:00.000Z')
})

test.each(['off', '', '* * * * * *', '61 3 * * *', '0 0 31 2 *', 'every day'])(
  '%j names no moments',
  (text) => {
    expect(parseCronTime(text)).toBeUndefined()
  },
)

test('a summer time of the machine changes nothing', () => {
  const time = parseCronTime('30 2 * * *')
  expect(time?.next(new Date('2026-03-29T00:00:00Z')).toISOString()).toBe(
    '2026-03-29T02:30:00.000Z',
  )
})
