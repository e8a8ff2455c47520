import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { findSecrets } from './find-secrets.ts'
import { mayHoldSecret } from './may-hold-secret.ts'
import { redactRow } from './redact-row.ts'
import { SECRET_RULES } from './rules.ts'

/**
 * Looks random, holds nothing: the same for every run, never written out whole, so that no scanner
 * takes this file for a leak.
 */
function random(length: number, alphabet = 'A7bQ2xLm9ZtR4kVw8NcY3pHs6GdJ5f'): string {
  const digest = createHash('sha512').update(`of the test ${length}`).digest()
  return Array.from({ length }, (_, i) => alphabet[(digest[i % 64] ?? 0) % alphabet.length]).join(
    '',
  )
}

const UPPER = 'ABCDEFGHJKLMNPQRSTUVWXYZ234567'
const jwt = ['{"alg":"HS256"}', '{"sub":"1234567890"}']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.')

const SECRETS: Readonly<Record<string, readonly string[]>> = {
  'private-key': [
    `-----BEGIN PRIVATE KEY-----\n${random(64)}\n-----END PRIVATE KEY-----`,
    `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n${random(64)}`,
    `-----BEGIN OPENSSH PRIVATE KEY-----\n${random(64)}`,
    `-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n${random(64)}`,
  ],
  'aws-access-key': ['AKIA', 'ASIA', 'ABIA', 'ACCA', 'A3TX'].map(
    (head) => head + random(16, UPPER),
  ),
  'github-token': [
    ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((head) => head + random(36)),
    `github_pat_${random(82)}`,
  ],
  'stripe-key': ['sk_live_', 'sk_test_', 'rk_live_', 'rk_prod_'].map((head) => head + random(24)),
  'slack-token': [`xoxb-1234567890-${random(24)}`, `xoxp-1234567890-${random(24)}`],
  'google-api-key': [`AIza${random(35)}`],
  'anthropic-key': [`sk-ant-api03-${random(93)}AA`],
  'sendgrid-key': [`SG.${random(22)}.${random(43)}`],
  'json-web-token': [`${jwt}.${random(43)}`],
  'webhook-key': [`whsec_${random(44)}=`, `whsk_${random(88)}`],
  'postgres-url': [
    `postgres://user:${random(8)}@db.example:5432/x`,
    `postgresql://:${random(3)}@/x`,
  ],
}

const HARMLESS = [
  '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE',
  'the words PRIVATE KEY alone, -----BEGIN PRIVATE KEY-----',
  'AKIA is a prefix; AKIAAAAAAAAAAAAAAAAA has no entropy; MEDIA, INDIA, ASIA PACIFIC REGIONS',
  `AKIA${random(15, UPPER)}`,
  `AKIA${random(17, UPPER)}`,
  'ghp_short, right_ghp_, light, github_pat_x',
  'task_live_connection_pool_exhausted, sk_test_short, disk_test_aaaaaaaaaaaaaaaaaaaaaaaa',
  'xox-, foxox, xoxb-short',
  'AIzaTooShort, Aiza',
  'sk-ant-1',
  'SG.one.two, MSG.',
  'eyJ, eyJhbGciOiJIUzI1NiJ9 alone, heyJude.eyJust.saying',
  'whsec_, whsec_short, whsk_',
  'postgres://host/db, postgres://user@host/db, progress: 10@20, postgres://user:***@host/x',
  'postgres://user:<password>@host/x, postgres://user:$PGPASSWORD@host/x',
  '0191f2a0-0000-4000-8000-000000000001',
  createHash('sha256').update('a').digest('hex'),
]

test('every rule has an example', () => {
  expect(Object.keys(SECRETS)).toEqual(SECRET_RULES.map(({ id }) => id))
})

describe.each(Object.entries(SECRETS))('%s', (rule, secrets) => {
  test.each(secrets.map((secret, n) => [n + 1, secret] as const))('is found (%i)', (_, secret) => {
    const places = [
      { note: secret },
      { note: `text before ${secret} and after` },
      { note: JSON.stringify({ deep: [{ line: `first\n${secret}` }] }) },
      { unknown: { deep: [1, secret] } },
      { [secret]: 1 },
      { note: `\u0000${secret}` },
      { note: JSON.stringify(`\u0001${secret}`) },
    ]
    for (const place of places) {
      const text = JSON.stringify(place)
      expect([text, mayHoldSecret(text)]).toEqual([text, true])
      expect(findSecrets(text).map((found) => found.rule)).toEqual([rule])
      // The keyword written with escapes that nobody needs.
      const hidden = text.replace(/[A-Za-z]/g, (letter) =>
        'AKghskxwpIGSPe'.includes(letter) ? `\\u00${letter.charCodeAt(0).toString(16)}` : letter,
      )
      expect(findSecrets(hidden).map((found) => found.rule)).toEqual([rule])

      const redacted = redactRow(text, { start: 0, end: text.length })
      expect(redacted?.rules).toEqual([rule])
      expect(redacted?.column).toBe(Object.hasOwn(place, secret) ? null : Object.keys(place)[0])
      for (const line of secret
        .split('\n')
        .filter((part) => part.length > 4 && !part.startsWith('-'))) {
        expect(redacted?.text).not.toContain(line)
      }
      expect(() => JSON.parse(redacted?.text ?? '')).not.toThrow()
    }
  })
})

test.each(HARMLESS)('is left alone: %s', (text) => {
  expect(findSecrets(JSON.stringify({ note: text, next: 'x'.repeat(100) }))).toEqual([])
})

test('a secret is told by rule, hash and last characters, and the rest of the row stays as it was sent', () => {
  const secret = `ghp_${random(36)}`
  const text = `{ "a": 1.10, "note":"see ${secret} there", "b" : "x" }`
  expect(redactRow(text, { start: 0, end: text.length })).toEqual({
    column: 'note',
    rules: ['github-token'],
    text: `{"a":1.10,"note":${JSON.stringify({
      redacted: [
        {
          rule: 'github-token',
          sha256: createHash('sha256').update(secret).digest('hex'),
          last4: secret.slice(-4),
        },
      ],
    })},"b":"x"}`,
  })
})

test('a value that a later one of the same name replaces does not stay behind', () => {
  const secret = `ghp_${random(36)}`
  const redacted = redactRow(`{"a":"${secret}","a":"x"}`, { start: 0, end: 55 })
  expect(redacted).toEqual({ column: null, rules: ['github-token'], text: '{"a":"x"}' })
})
