import { type Column, DATASETS, type Dataset } from '@hq-export/contract'
import { seededRandom } from '../random.ts'

/*
 * Bodies of batches as raw bytes: in the shape of a relay's, with values from the edge of what the
 * contract takes; most of them then damaged in a place or two.
 */

/** A body, its dataset, and the orgs of its rows. */
export interface HostileBody {
  readonly dataset: Dataset
  readonly body: Buffer
  readonly rows: number
  readonly isDamaged: boolean
}

/** The only orgs that bodies name; a key of some orgs may have the first. */
export const ORGS = ['7c9e6679-7425-40de-944b-e07fc1f90ae7', '0f8fad5b-d9cb-469f-a165-70867728950e']

/** Pieces of JSON strings that are good, as they stand in a body. */
const TEXT = [
  ...['a', 'word ', 'é', '🙂', '\u007f', '\u2028', "'", '{', '}', ',', '\\n', '\\t', '\\r', '\\b'],
  ...['\\f', '\\"', '\\\\', '\\/', '\\\\N', '\\\\.', 'NULL', 'gh', '-----BEGIN'],
]
/** And those that the scan leaves alone, or nobody takes. */
const BAD_TEXT = [
  ...[
    '\\u0041',
    '\\u0000',
    '\\ud800',
    '\\ud83d\\ude00',
    '\\x',
    '"',
    '\t',
    '\n',
    '\0',
    '\\',
    '\\u00',
  ],
  ...[
    'ghp_A7bQ2xLm9ZtR4kVw8NcY3pHs6GdJ5fA7bQ2x',
    'postgres://u:p@h/d',
    'eyJhbGciOiJIUzI1NiJ9',
    'eyJ',
    'postgres',
  ],
]
const JSON_TEXTS = [
  ...['{}', '[]', 'null', 'true', '-0', '0.5e+10', '1E5', '""', '{"a": 1}', '[[], {"b": [1, 2]}]'],
  ...['"\\n\\"\\\\\\/"', '{"é": "🙂", "a": {"b": null}}', ' { "a" : [ ] } ', '[1.10, -2, "x\\ty"]'],
]
const BAD_JSON_TEXTS = [
  ...['', '{', '{}}', '[1,]', '01', '-', '1.', '.5', '1e', 'nul', '{"a"}', '{"a":}', '{a:1}', '[}'],
  ...['"\n"', '"\\x"', '"\\u0041"', '"\\u0000"', '"\\ud800"', "'a'", '[1 2]', '\n{}', '{} x', '"a'],
  '['.repeat(40) + ']'.repeat(40),
]
const GOOD: Readonly<Record<Column['type'], readonly string[]>> = {
  text: [],
  jsonb: [],
  uuid: [],
  int4: ['0', '1', '-1', '200', '2147483647', '-2147483647'],
  int8: ['"0"', '"1"', '"-7"', '"999999999999999999"'],
  numeric: ['"0"', '"0.00"', '"1.50"', '"-1.5"', '"123456789012345678901234567890.5"'],
  boolean: ['true', 'false'],
  timestamptz: [
    ...[
      '"2026-01-02T03:04:05.678901+00:00"',
      '"2024-02-29T23:59:59Z"',
      '"0001-01-01T00:00:00-15:59"',
    ],
    ...['"9999-12-31T23:59:59.9+15:59"', '"2000-02-29T00:00:00+05:30"'],
  ],
}
const BAD: Readonly<Record<Column['type'], readonly string[]>> = {
  text: ['1', '{}', '""x'],
  jsonb: ['{}', '1'],
  uuid: ['""', '"0F8FAD5B-D9CB-469F-A165-70867728950E"', '"0f8fad5bd9cb469fa16570867728950e"', '1'],
  int4: ['01', '-0', '1.0', '1e3', '2147483648', '-2147483648', '9999999999', '"1"', '+1', 'true'],
  int8: [
    '"01"',
    '"-0"',
    '"9223372036854775807"',
    '"9223372036854775808"',
    '1',
    '"1.0"',
    '" 1"',
    '""',
  ],
  numeric: ['"-0"', '"-0.5"', '"-0.0"', '"1."', '".5"', '"1e5"', '"NaN"', '"01.5"', '"--1"', '1.5'],
  boolean: ['"true"', '0', 'truE'],
  timestamptz: [
    ...['"2026-02-29T00:00:00Z"', '"2026-13-01T00:00:00Z"', '"2026-01-01T24:00:00Z"', '"infinity"'],
    ...['"2026-01-01T00:00:00+16:00"', '"2026-01-01 00:00:00Z"', '"2026-01-01T00:00:00.1234567Z"'],
    ...[
      '"2026-01-01T00:00:60Z"',
      '"2026-01-01T00:00:00"',
      '"0000-01-01T00:00:00Z"',
      '"1900-02-29T00:00:00Z"',
    ],
    ...['"2026-00-10T00:00:00Z"', '"2026-04-31T00:00:00Z"', '"2026-01-01T00:00:00.Z"', '"x"'],
  ],
}
const REFERENCES = [
  '"s3://raw/1"',
  '"data-engine/1"',
  '"d"',
  '"a[1]"',
  `"${'r'.repeat(1_024)}"`,
  '"da%20ta:"',
]
const BAD_REFERENCES = [
  ...[
    '""',
    '"DaTa:x"',
    '"[1]"',
    '"a b"',
    '"{}"',
    '"a\\\\b"',
    '"é"',
    '"a\\/b"',
    '"a\\nb"',
    '"\u007f"',
  ],
  `"${'r'.repeat(1_025)}"`,
]
const TRACEPARENT = '"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"'
const BAD_BESIDE = [
  ...[
    ',"traceparent":"00-00000000000000000000000000000000-b7ad6b7169203331-01"',
    ',"traceparent":null',
  ],
  ...[
    ',"traceparent":"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"',
    ',"deleted":null',
  ],
  ...[
    ',"deleted":true,"deleted":false',
    ',"more":{"a":[1]}',
    ',"xid":"8"',
    ',"row":{}',
    ' ',
    ',"deleted":1',
  ],
]
const BAD_XIDS = ['"01"', '"-1"', '"18446744073709551615"', '"18446744073709551616"', '7', '""']

/** Makes bodies of one seed, the same every time. */
export function hostileBodies(seed: number): () => HostileBody {
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const isOne = (chance: number) => random() < chance
  const pick = <T>(values: readonly T[]) => values[below(values.length)] as T
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => pick([...'0123456789abcdef'])).join('')
  const uuid = () => `"${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}"`
  const text = (pieces: readonly string[]) =>
    `"${Array.from({ length: below(6) }, () => pick(pieces)).join('')}"`

  function goodValue({ name, type, values, reference, nullable }: Column): string {
    if (nullable && isOne(0.3)) return 'null'
    if (name === 'org_id') return `"${pick(ORGS)}"`
    if (values !== undefined) return JSON.stringify(pick(values))
    if (reference === true) return pick(REFERENCES)
    if (type === 'text') return text(TEXT)
    if (type === 'jsonb') return JSON.stringify(pick(JSON_TEXTS))
    if (type === 'uuid') return isOne(0.1) ? `"${pick(ORGS)}"` : uuid()
    return pick(GOOD[type])
  }

  function badValue({ type, values, reference, nullable }: Column): string {
    if (!nullable && isOne(0.2)) return 'null'
    if (values !== undefined) return pick(['"V1"', '"v1x"', '"compan"', '""', '1'])
    if (reference === true) return pick(BAD_REFERENCES)
    if (isOne(0.1)) return pick(BAD[pick(Object.keys(BAD) as Column['type'][])])
    if (type === 'text' && isOne(0.9)) return text([...TEXT, ...BAD_TEXT])
    if (type === 'jsonb' && isOne(0.9)) {
      return JSON.stringify(pick([...BAD_JSON_TEXTS, ...JSON_TEXTS]))
    }
    return pick(BAD[type])
  }

  function rowOf({ columns, versionColumn }: Dataset, isBad: boolean): string {
    const bad = isBad ? below(columns.length + 6) : -1
    const members = columns.map(
      (column, i) => `"${column.name}":${i === bad ? badValue(column) : goodValue(column)}`,
    )
    const kind = bad - columns.length
    if (kind === 0) members.splice(below(members.length), 1)
    if (kind === 1)
      members.push(pick(['"new":1', '"__proto__":{}', `${members[0]}`, '"new":[[1]]']))
    if (kind === 2) members.push(members.splice(below(members.length), 1)[0] ?? '')
    const xid = kind === 3 ? pick(BAD_XIDS) : `"${below(10_000)}"`
    const captured = kind === 4 ? pick(BAD.timestamptz) : pick(GOOD.timestamptz)
    const traceparent = isOne(0.2) ? `,"traceparent":${TRACEPARENT}` : ''
    const canBeGone = versionColumn !== undefined || kind === 5
    const deleted = isOne(0.1) ? `,"deleted":${canBeGone ? pick(['true', 'false']) : 'false'}` : ''
    const more = kind === 5 ? pick(BAD_BESIDE) : ''
    const beside = `"xid":${xid},"captured_at":${captured}${traceparent}${deleted}${more}`
    return `{"row":{${members.join()}},${beside}}`
  }

  function headOf({ name }: Dataset, isBad: boolean): string {
    const head = `{"source":"data-engine-x","dataset":"${name}","schema_version":"v1","rows":[`
    if (!isBad) return head
    return pick([
      head.replace('"rows"', '"rows":[],"rows"'),
      head.replace('"v1"', '"v1","more":{"rows":[]}'),
      head.replace('"v1"', '"v1","epoch":"7.0b6f1f5f-3a00-4000-8000-000000000001"'),
      head.replace('"source"', '"dataset":"x","source"'),
      head.replace('data-engine-x', '\\u0061'),
      head.replaceAll(':', ' : '),
      head.replace('data-engine-x', '\\"rows\\":['),
      head.replace('"v1"', '"v2"'),
      `\ufeff${head}`,
      `{"a":${head}`,
    ])
  }

  /** A byte that is changed, left out or doubled, or an end that is cut off. */
  function damage(body: Buffer): Buffer {
    const at = below(body.length)
    const [before, after] = [body.subarray(0, at), body.subarray(at + 1)]
    const byte = pick([...Buffer.from('"\\{}[],:0nu e-\0\n'), 0x80, 0xff, 0xc3, below(256)])
    switch (below(5)) {
      case 0:
        return Buffer.concat([before, Buffer.of(byte), after])
      case 1:
        return Buffer.concat([before, after])
      case 2:
        return Buffer.concat([before, Buffer.of(byte), body.subarray(at)])
      case 3:
        return Buffer.from(before)
      default:
        return Buffer.concat([body, Buffer.of(byte)])
    }
  }

  return () => {
    const dataset: Dataset = pick(DATASETS)
    const rows = 1 + below(12)
    const fault = isOne(0.6) ? below(4) : -1
    const badRow = fault === 0 || fault === 1 ? below(rows) : -1
    const texts = Array.from({ length: rows }, (_, i) => rowOf(dataset, i === badRow))
    if (isOne(0.1)) texts.push(texts[0] ?? '')
    const head = headOf(dataset, fault === 2)
    const whole = Buffer.from(`${head}${texts.join()}]}`)
    const body = fault === 3 ? damage(whole) : whole
    return { dataset, body, rows: texts.length, isDamaged: fault !== -1 }
  }
}
