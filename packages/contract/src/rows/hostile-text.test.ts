import { describe, expect, test } from 'vitest'
import { expectLinear } from '../../../../test/support/expect-linear.ts'
import type { Column } from '../datasets/dataset.ts'
import { DATASETS } from '../datasets/datasets.ts'
import { verify } from '../signature/verify.ts'
import { parseEnvelope } from '../wire/envelope.ts'
import { WEBHOOK_ID_PATTERN } from '../wire/headers.ts'
import { parseTraceparent } from '../wire/traceparent.ts'
import { locateMembers, locateRows } from './row-text.ts'
import { isTimestamp, isTransactionId, wireValueCheck, wireValueSchema } from './wire-value.ts'

/** What keeps each pattern busy for longest: texts that nearly fit, again and again. */
const UNITS = [
  '0',
  '1',
  '-0',
  '-0.0',
  '1.1',
  ' ',
  'a',
  '*',
  '[',
  '{"a":',
  '[],',
  '\\"',
  '\\\\',
  'data:',
  '2026-02-16T09:30:00.',
  '00-',
  '/',
  '\u{1f680}',
]

function build(unit: string): (chars: number) => string {
  return (chars) => unit.repeat(Math.ceil(chars / unit.length))
}

describe('what one value costs is linear in it', () => {
  const columns = new Map<string, Column>(
    DATASETS.flatMap((dataset): readonly Column[] => dataset.columns).map((column) => [
      `${column.type} ${column.reference ?? ''} ${column.values?.join() ?? ''}`,
      column,
    ]),
  )
  test.each([...columns])('%s', (_, column) => {
    const check = wireValueCheck(column)
    const schema = wireValueSchema(column)
    for (const unit of UNITS) {
      expectLinear(`${column.name} ${unit}`, build(unit), check)
      expectLinear(`${column.name} ${unit}`, build(unit), (text) => schema.safeParse(text))
    }
  })

  test('of the envelope and the headers', () => {
    for (const unit of UNITS) {
      for (const read of [isTimestamp, isTransactionId, parseTraceparent]) {
        expectLinear(`${read.name} ${unit}`, build(unit), read)
      }
      expectLinear(`webhook-id ${unit}`, build(unit), (text) => WEBHOOK_ID_PATTERN.test(text))
      expectLinear(`envelope ${unit}`, build(unit), (text) =>
        parseEnvelope({
          source: text,
          dataset: text,
          schema_version: text,
          epoch: text,
          rows: [text],
        }),
      )
      expectLinear(`signature ${unit}`, build(unit), (text) => {
        const input = { id: text, timestamp: '1', signature: text, body: Buffer.of(), nowMs: 1_000 }
        return verify(input, [])
      })
    }
  })
})

test('rows and members are found in one pass', () => {
  for (const unit of ['\\\\', '\\"', '[', '[[],', '{"a":[', 'x']) {
    const rows = (chars: number) => `{"rows":[{"row":{"a":"${build(unit)(chars)}`
    for (const read of [locateRows, (text: string) => locateMembers(text, 0)]) {
      expectLinear(`a string of ${unit}`, rows, read)
      expectLinear(
        `brackets ${unit}`,
        (chars) => `{"rows":[{"row":{"a":${build(unit)(chars)}`,
        read,
      )
    }
  }
  const members = (chars: number) =>
    `{${Array.from({ length: chars / 10 }, (_, i) => `"c${i}":1`)}}`
  expectLinear('members', members, (text) => locateMembers(text, 0))
})

test('a text that was cut off has an end for whoever looks for one', () => {
  const whole = '{"rows":[{"row":{"a":"x\\\\","b":[{"c":"]"},1]}}]}'
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.slice(0, length)
    let error: unknown
    try {
      locateRows(cut)
    } catch (thrown) {
      error = thrown
    }
    // It may say that it is no envelope; it must say something.
    expect(error === undefined || error instanceof Error).toBe(true)
  }
})
