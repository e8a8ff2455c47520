import { randomBytes } from 'node:crypto'
import { ConfigError } from '@hq-export/runtime/settings.ts'
import { expect, test } from 'vitest'
import { parseMasterKey } from '../keys/master-key.ts'
import { loadConfig, loadDatabaseUrl, loadMasterKeys } from './config.ts'

const SECRET = `whsec_${randomBytes(32).toString('base64')}`
const ORG = '0A0a0a0a-0000-0000-0000-00000000000b'
const MINIMUM = {
  HQ_DATABASE_URL: 'postgres://hq:password@localhost/hq',
  INGEST_KEYS: `data-engine-x=${SECRET}`,
}

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('what is not set has the documented default', () => {
  const config = loadConfig({ ...MINIMUM, INGEST_PORT: ' ' })
  expect(config).toMatchObject({
    host: '127.0.0.1',
    port: 8080,
    metricsPort: 8081,
    drainDelayMs: 1_000,
    ledgerDays: 30,
  })
  expect(config.keys).toMatchObject([{ source: 'data-engine-x', orgs: undefined }])
  expect(Object.isFrozen(config)).toBe(true)
})

test('every problem is reported at once, with variable, rule and value', () => {
  const env = {
    INGEST_PORT: '70000',
    INGEST_METRICS_PORT: 'http',
    INGEST_KEYS: 'x',
    INGEST_DRAIN_SECONDS: '61',
  }
  expect(problemsOf(env)).toEqual([
    'HQ_DATABASE_URL must be set; received nothing',
    "INGEST_PORT must be a port, 0 to 65535; received '70000'",
    "INGEST_METRICS_PORT must be a port, 0 to 65535; received 'http'",
    'INGEST_KEYS key 1 must begin with a source name and =; received <set>',
    "INGEST_DRAIN_SECONDS must be seconds, 0 to 60; received '61'",
  ])
})

test.each(['0', '-1', '1.5', '3651', 'a month'])('%s are no days of the ledger', (days) => {
  expect(problemsOf({ ...MINIMUM, INGEST_LEDGER_DAYS: days })).toEqual([
    `INGEST_LEDGER_DAYS must be a number of days, 1 to 3650; received '${days}'`,
  ])
})

test.each([
  { name: 'a database password', env: { HQ_DATABASE_URL: 'mysql://hq:hunter2@localhost/hq' } },
  { name: 'a key', env: { INGEST_KEYS: 'source=whsec_hunter2' } },
  { name: 'a misplaced key', env: { INGEST_KEYS: 'whsec_hunter2' } },
  { name: 'a master key', env: { INGEST_MASTER_KEY: 'hunter2' } },
  { name: 'the master key before', env: { INGEST_MASTER_KEY_PREVIOUS: 'hunter2' } },
  { name: 'a key with wrong options', env: { INGEST_KEYS: `source=${SECRET};org=hunter2` } },
])('no problem shows $name', ({ env }) => {
  const problems = problemsOf({ ...MINIMUM, ...env })
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain('received <set>')
  expect(problems[0]).not.toContain('hunter2')
})

test('a source may have several keys, each with orgs of its own', () => {
  const publicKey = `whpk_${randomBytes(32).toString('base64')}`
  const { keys } = loadConfig({
    ...MINIMUM,
    INGEST_KEYS: `a=${SECRET};orgs=${ORG},${ORG}  a=${publicKey}`,
  })
  expect(keys).toMatchObject([
    { source: 'a', key: { kind: 'hmac' }, orgs: new Set([ORG.toLowerCase()]) },
    { source: 'a', key: { kind: 'ed25519' }, orgs: undefined },
  ])
})

test.each([
  {
    name: 'an org that is no uuid',
    keys: `a=${SECRET};orgs=acme`,
    rule: 'key 1 must list uuids after ;orgs=',
  },
  { name: 'no org', keys: `a=${SECRET};orgs=`, rule: 'key 1 must list uuids after ;orgs=' },
  {
    name: 'two lists',
    keys: `a=${SECRET};orgs=${ORG};orgs=${ORG}`,
    rule: 'key 1 may be followed by',
  },
  { name: 'the same key twice', keys: `a=${SECRET} b=${SECRET}`, rule: 'key 2 repeats a key of a' },
  {
    name: 'a private key',
    keys: `a=whsk_${randomBytes(32).toString('base64')}`,
    rule: 'key 1 must begin with whsec_ or whpk_',
  },
])('keys with $name are refused', ({ keys, rule }) => {
  expect(problemsOf({ ...MINIMUM, INGEST_KEYS: keys })).toEqual([expect.stringContaining(rule)])
})

test('keys may all be in HQ; a master key opens them, and the one before as well', () => {
  const text = () => randomBytes(32).toString('base64')
  const { HQ_DATABASE_URL } = MINIMUM
  expect(loadConfig({ HQ_DATABASE_URL })).toMatchObject({ keys: [], masterKeys: [] })
  const [current, previous] = [text(), text()]
  const env = { INGEST_MASTER_KEY: current, INGEST_MASTER_KEY_PREVIOUS: previous }
  const { masterKeys } = loadConfig({ HQ_DATABASE_URL, ...env })
  expect(masterKeys.map(({ id }) => id)).toEqual([
    parseMasterKey(current).id,
    parseMasterKey(previous).id,
  ])
  expect(loadMasterKeys(env)).toEqual(masterKeys)
  expect(() => loadMasterKeys({ INGEST_MASTER_KEY_PREVIOUS: previous })).toThrow(
    'INGEST_MASTER_KEY must be set',
  )
})

test('migrate and status need the database alone', () => {
  expect(loadDatabaseUrl({ HQ_DATABASE_URL: MINIMUM.HQ_DATABASE_URL })).toBe(
    MINIMUM.HQ_DATABASE_URL,
  )
  expect(() => loadDatabaseUrl({})).toThrow(ConfigError)
})
