import { describe, expect, test } from 'vitest'
import { expectLinear } from '../../../../test/support/expect-linear.ts'
import { threadMs } from '../../../../test/support/thread-ms.ts'
import { decode } from '../decode/decode.ts'
import { findUnrepresentable, isSuspicious } from '../decode/find-unrepresentable.ts'
import { nestingOf } from '../decode/nesting.ts'
import { findSecrets } from '../secrets/find-secrets.ts'
import { mayHoldSecret } from '../secrets/may-hold-secret.ts'
import { redactRow } from '../secrets/redact-row.ts'
import { SECRET_RULES } from '../secrets/rules.ts'
import { findDatasetRules } from './dataset-rules.ts'
import { validate } from './validate.ts'

const MIB = 1024 * 1024

/** Repeats `unit` up to about `chars`. */
function filled(unit: string, chars: number): string {
  return unit.repeat(Math.ceil(chars / unit.length))
}

/**
 * What costs each rule the most: starts as dense as they get, runs that end just before they fit,
 * shapes without entropy.
 */
const WORST: Readonly<Record<string, readonly string[]>> = {
  'private-key': ['-', '-----BEGIN', '-----BEGIN PRIVATE KEY-----', `-----BEGIN${'A'.repeat(40)}`],
  'aws-access-key': ['AKIA', ' AKIA', ' AKIAAAAAAAAAAAAAAAAA', ' AKIAAAAAAAAAAAAAAAAAA', 'A3T'],
  'github-token': ['ghp_', ' ghp_', ` ghp_${'a'.repeat(36)}`, ` github_pat_${'a'.repeat(81)}`],
  'stripe-key': [
    'sk_test_',
    ' sk_test_',
    ` sk_live_${'a'.repeat(16)}`,
    ` rk_live_${'a'.repeat(15)}`,
  ],
  'slack-token': ['xoxb-', '-xoxb-', ` xoxb-${'a'.repeat(20)}`, ` xoxb-${'a'.repeat(19)}`],
  'google-api-key': ['AIza', '-AIza', ` AIza${'a'.repeat(35)}`, ` AIza${'a'.repeat(36)}`],
  'anthropic-key': [
    'sk-ant-',
    '-sk-ant-aa00-',
    ` sk-ant-aa00-${'a'.repeat(40)}`,
    '-sk-ant-aaaaaaaaaa',
  ],
  'sendgrid-key': [
    'SG.',
    '-SG.aaaaaaaaaaaaaaaa',
    ` SG.${'a'.repeat(64)}`,
    ` SG.${'a'.repeat(64)}.${'a'.repeat(15)}`,
    `SG.${'a'.repeat(16)}-`,
  ],
  'json-web-token': [
    'eyJ',
    '-eyJ',
    `-eyJ${'a'.repeat(2044)}`,
    'eyJaaaaaaaaaa.',
    `.eyJ${'-eyJ'.repeat(500)}`,
    '-eyJaaaaaaaaaa.eyJaaaaaaaaaa.aaaaaaaaa ',
    '.eyJ',
  ],
  'webhook-key': [
    'whsec_',
    ' whsec_',
    ` whsec_${'a'.repeat(32)}`,
    `/whsec_${'a'.repeat(88)}/whsk_`,
  ],
  'postgres-url': [
    'postgres://',
    ' postgres://:',
    ' postgres://:<',
    ` postgres://${'a'.repeat(128)}:${'*'.repeat(255)}`,
    ` postgres://:${'x'.repeat(256)}`,
    ` postgres://:\${${'a'.repeat(64)}`,
    ' postgres://:***@',
  ],
}

/** What costs the readers of JSON text the most. */
const TEXTS = [
  '\\\\',
  '\\"',
  '\\u0041',
  '\\\\u0041',
  `${'\\\\'.repeat(65)}u0041`,
  '\\ud83d\\ude00',
  '\\n',
  'x',
]

test('every rule for credentials has a worst case', () => {
  expect(Object.keys(WORST)).toEqual(SECRET_RULES.map(({ id }) => id))
})

describe('a search for credentials is linear, and a character costs next to nothing', () => {
  test.each(Object.keys(WORST))('%s', (rule) => {
    for (const unit of WORST[rule] ?? []) {
      for (const read of [mayHoldSecret, findSecrets]) {
        expectLinear(`${read.name} of ${unit.slice(0, 40)}`, (chars) => filled(unit, chars), read)
      }
    }
  })

  test('escapes, quotes, backslashes', () => {
    for (const unit of TEXTS) {
      const build = (chars: number) => `"${filled(unit, chars)}"`
      for (const read of [mayHoldSecret, findSecrets, isSuspicious, findUnrepresentable]) {
        expectLinear(`${read.name} of ${unit.slice(0, 40)}`, build, read)
      }
    }
  })

  test('fragments of keywords', () => {
    for (const unit of ['J', 'gh', 'IA', 'k_', 'xox', 'SG.', 'gres', 'PRIVATE KEY'.slice(0, -1)]) {
      expectLinear(`fragments ${unit}`, (chars) => filled(unit, chars), mayHoldSecret)
    }
  })
})

test('brackets are counted in one pass', () => {
  for (const unit of ['[', '[],', '"', '"\\', '{"a":']) {
    expectLinear(
      `nestingOf ${unit}`,
      (chars) => filled(unit, chars),
      (text) => nestingOf(Buffer.from(text)),
    )
  }
})

describe('a row that is made of look-alikes', () => {
  const lookAlike = 'sk_test_aaaaaaaaaaaaaaaa'
  const row = (values: Readonly<Record<string, string>>) => JSON.stringify(values)
  const redact = (text: string) => redactRow(text, { start: 0, end: text.length })

  test('is taken while it holds no more of them than anyone needs', () => {
    expect(redact(row({ note: `${lookAlike} `.repeat(1_000) }))).toBeUndefined()
  })

  test('is refused beyond that, and nothing is kept of what was not searched', () => {
    const text = row({
      first: `${lookAlike} `.repeat(700),
      next: `${lookAlike} `.repeat(700),
      last: 'x',
    })
    const redacted = redact(text)
    expect(redacted).toMatchObject({ column: 'next', rules: ['too-many-look-alikes'] })
    expect(Object.keys(JSON.parse(redacted?.text ?? ''))).toEqual(['first', 'next', 'last'])
    expect(JSON.parse(redacted?.text ?? '')).toMatchObject({
      next: { redacted: [{ rule: 'too-many-look-alikes' }] },
      last: { redacted: [{ rule: 'too-many-look-alikes' }] },
    })
  })

  test('does not hide a credential behind one', () => {
    const secret = 'xoxb-1234567890-A7bQ2xLm9ZtR4kVw8NcY3pHs'
    const text = row({ note: `xoxb-${'a'.repeat(230)}-${secret}` })
    expect(redact(text)?.rules).toEqual(['slack-token'])
  })

  test('with more members than any dataset has columns keeps none of them beside a credential', () => {
    const members = Array.from({ length: 2_000 }, (_, i) => [`c${i}`, 'x'] as const)
    const text = row({
      ...Object.fromEntries(members),
      note: 'whsec_A7bQ2xLm9ZtR4kVw8NcY3pHs6GdJ5fA7bQ2xLm9Z',
    })
    expect(JSON.parse(redact(text)?.text ?? '')).toEqual({
      redacted: [expect.objectContaining({ rule: 'webhook-key' })],
    })
  })
})

describe('a batch as large as it may be stops the event loop for no longer than one row takes', () => {
  const RULES = findDatasetRules('dx_operation_events_v1', 'v1')
  const ROW = {
    export_schema_version: 'v1',
    event_id: '6f0c1a52-7d7a-4c7e-9a53-0d1f0e7c2b11',
    run_id: '2b1e5f0a-3c4d-4e5f-8a9b-0c1d2e3f4a5b',
    event_type: 'response_received',
    event_sequence: 2,
    occurred_at: '2026-02-16T09:30:00.123456+00:00',
    org_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
    company_id: null,
    entity_type: 'company',
    entity_id: '0f8fad5b-d9cb-469f-a165-70867728950e',
    provider: 'prospeo',
    http_status: 200,
    raw_request_ref: null,
    raw_response_ref: null,
    payload_hash: null,
    error_code: null,
    error_message: null,
    metadata_json: '{}',
  }

  function bodyOf(rowTexts: readonly string[]): Buffer {
    const rows = rowTexts.map(
      (text) => `{"row":${text},"xid":"7","captured_at":"2026-02-16T09:30:00.1+00:00"}`,
    )
    return Buffer.from(
      '{"source":"s","dataset":"dx_operation_events_v1","schema_version":"v1",' +
        `"rows":[${rows.join(',')}]}`,
    )
  }

  /**
   * `count` rows, together nearly as much as a body may be, whose `column` is full of an already
   * escaped text.
   */
  function fullOf(
    unit: string,
    count: number,
    column: keyof typeof ROW = 'error_message',
  ): string[] {
    const text = filled(unit, Math.floor((15.5 * MIB) / count) - 1_000)
    const marked = JSON.stringify({ ...ROW, [column]: '@' })
    return Array.from({ length: count }, () => marked.replace('"@"', () => `"${text}"`))
  }

  function withMembers(count: number, each: number): string[] {
    const members = Array.from({ length: each }, (_, i) => `"c${i}":1,`).join('')
    return Array.from({ length: count }, () => JSON.stringify(ROW).replace('{', `{${members}`))
  }

  test.each<[string, readonly string[]]>([
    ['escapes', fullOf('\\u0041', 4)],
    ['beginnings of a web token', fullOf('-eyJ', 4)],
    ['JSON that never closes', fullOf('[', 4, 'metadata_json').slice(0, 2)],
    ['5,000 suspicious rows', fullOf('\\u0041', 5_000)],
    ['half a million columns', withMembers(2, 250_000)],
    [
      '100,000 containers',
      Array.from({ length: 4_000 }, () =>
        JSON.stringify(ROW).replace('{', `{"c":[${filled('[],', 60)}1],`),
      ),
    ],
  ])('%s', async (_, rowTexts) => {
    if (RULES === undefined) throw new Error('no rules')
    const body = bodyOf(rowTexts)
    expect(body.length).toBeLessThan(16 * MIB)
    let longestMs = 0
    let lastMs = threadMs()
    const note = () => {
      longestMs = Math.max(longestMs, threadMs() - lastMs)
      lastMs = threadMs()
    }
    const batch = decode(body, 5_000)
    note()
    const turns = setInterval(note)
    const { accepted, refused } = await validate(batch, RULES, { orgs: undefined }, 4 * MIB)
    clearInterval(turns)
    note()
    expect(accepted.length + refused.length).toBe(rowTexts.length)
    // A third to a tenth of it where nothing else runs; what is refused here took 20 s and more.
    expect(longestMs).toBeLessThan(3_000)
  })
})

test('an answer repeats no name of a column that is longer than names are', async () => {
  const rules = findDatasetRules('dx_operation_events_v1', 'v1')
  if (rules === undefined) throw new Error('no rules')
  const name = 'n'.repeat(100_000)
  for (const value of ['\\u0000', 'eyJaaaaaaaaaa.eyJaaaaaaaaaa.aaaaaaaaaa']) {
    const row = `{"${name}":"${value}"}`
    const body =
      '{"source":"s","dataset":"d","schema_version":"v1",' +
      `"rows":[{"row":${row},"xid":"7","captured_at":"2026-02-16T09:30:00Z"}]}`
    const batch = decode(Buffer.from(body), 1)
    const { refused } = await validate(batch, rules, { orgs: undefined }, 4 * MIB)
    expect(refused[0]?.pointer.length).toBeLessThan(200)
    expect(refused[0]?.detail.length).toBeLessThan(200)
  }
})
