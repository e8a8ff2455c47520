import { ConfigError } from '@hq-export/runtime/settings.ts'
import { describe, expect, test } from 'vitest'
import { loadConfig } from './config.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const good = {
  DX_DATABASE_URL: 'postgres://relay:pw@db:5432/dx',
  HQ_INGEST_URL: 'https://hq.example/',
  HQ_SIGNING_SECRET: SECRET,
}

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('settings', () => {
  test('defaults are filled in, and the result cannot be changed', () => {
    const config = loadConfig(good)
    expect(config).toMatchObject({ source: 'data-engine-x', compression: 'zstd' })
    expect(Object.isFrozen(config)).toBe(true)
  })

  test('several signing keys are read while they rotate', () => {
    const config = loadConfig({ ...good, HQ_SIGNING_SECRET: `${SECRET} ${SECRET}` })
    expect(config.signingKeys).toHaveLength(2)
  })

  test('every problem is reported at once, with variable, rule and value', () => {
    const problems = problemsOf({
      DX_DATABASE_URL: 'mysql://x',
      HQ_SIGNING_SECRET: 'whsec_short',
      RELAY_COMPRESSION: 'brotli',
    })
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      'DX_DATABASE_URL',
      'HQ_INGEST_URL',
      'HQ_SIGNING_SECRET',
      'RELAY_COMPRESSION',
    ])
    expect(problems[1]).toContain('must be set; received nothing')
    expect(problems[3]).toContain("must be zstd, gzip or none; received 'brotli'")
  })

  test('a cron expression and a number of seconds, or off', () => {
    const { reconcileAt, followSeconds } = loadConfig(good)
    expect({ at: reconcileAt?.text, followSeconds }).toEqual({
      at: '0 3 * * *',
      followSeconds: 300,
    })
    const off = loadConfig({ ...good, RELAY_RECONCILE_AT: 'off', RELAY_FOLLOW_SECONDS: 'off' })
    expect(off).toMatchObject({ reconcileAt: undefined, followSeconds: undefined })
    expect(
      problemsOf({ ...good, RELAY_RECONCILE_AT: '3 o clock', RELAY_FOLLOW_SECONDS: '29' }),
    ).toEqual([
      'RELAY_RECONCILE_AT must be a cron expression of five fields, in UTC, or off; ' +
        "received '3 o clock'",
      "RELAY_FOLLOW_SECONDS must be 30 to 86400, or off; received '29'",
    ])
  })

  test('secrets never show in a problem', () => {
    const text = problemsOf({
      ...good,
      DX_DATABASE_URL: 'mysql://relay:hunter2@db/dx',
      HQ_SIGNING_SECRET: 'whsec_hunter3!',
    }).join('\n')
    expect(text).not.toMatch(/hunter/)
    expect(text).toContain('received <set>')
  })

  test.each([
    'https://hq.example/ingest',
    'https://hq.example/?org=1',
    'https://hq.example/#top',
    'https://relay:hunter2@hq.example/',
    'ftp://hq.example/',
  ])('HQ_INGEST_URL %s is refused in one sentence', (url) => {
    expect(problemsOf({ ...good, HQ_INGEST_URL: url })).toEqual([
      "HQ_INGEST_URL must be the gateway's http:// or https:// URL without a path, such as " +
        'https://hq.example; the relay adds the paths; received <set>',
    ])
  })

  test.each(['https://hq.example', 'http://[::1]:8080/'])('HQ_INGEST_URL %s is taken', (url) => {
    expect(loadConfig({ ...good, HQ_INGEST_URL: url }).ingestUrl).toBe(url)
  })

  test('an empty variable counts as a missing one', () => {
    expect(problemsOf({ ...good, HQ_INGEST_URL: ' ' })).toEqual([
      'HQ_INGEST_URL must be set; received nothing',
    ])
  })
})
