import { generateKeyPairSync } from 'node:crypto'
import { parseMasterKey } from '@hq-export/hq-ingest/keys/master-key.ts'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  startGateway,
} from '../../../support/programs/ingest-client.ts'
import { runIngest } from '../../../support/programs/ingest-process.ts'
import {
  addStoredKey,
  createMasterKeyText,
  MASTER_KEY,
  MASTER_KEY_TEXT,
} from '../../../support/programs/stored-keys.ts'
import { createHqDatabase, type TestDatabase } from '../../../support/servers/databases.ts'

const ORG = '0A0a0a0a-0000-0000-0000-00000000000b'
const RUNS = 'dx_operation_runs_v1'

let hq: TestDatabase
let client: pg.Client

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
})

afterAll(() => hq[Symbol.asyncDispose]())

afterEach(async () => {
  await client.query('truncate ingest.key, ingest.key_use, ingest.audit')
})

function keys(args: string[], env: Record<string, string> = {}) {
  const settings = { HQ_DATABASE_URL: hq.url, INGEST_MASTER_KEY: MASTER_KEY_TEXT, ...env }
  return runIngest(['keys', ...args], settings)
}

async function auditOf(): Promise<unknown[]> {
  return (await client.query('select actor, action, subject, detail from ingest.audit order by id'))
    .rows
}

function publicKeyText(): string {
  const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  return `whpk_${Buffer.from(x, 'base64url').toString('base64')}`
}

test('add prints the secret once; HQ holds it sealed, list shows the terms, and the audit who added it', async () => {
  const options = `add --source data-engine-x --orgs ${ORG},${ORG} --datasets ${RUNS} --label main
    --not-before 2026-01-01T00:00:00+01:00 --not-after 2999-01-01T00:00:00Z
    --requests-per-minute 600 --bytes-per-minute 9007199254740991 --by alice`
  const { status, stdout, stderr } = await keys(options.split(/\s+/))
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const [secret = ''] = /whsec_[A-Za-z0-9+/]{43}=/.exec(stdout) ?? []
  expect(stdout.endsWith(`the secret, shown this once:\n${secret}\n`)).toBe(true)

  const listed = await keys(['list', '--json'])
  const terms = {
    source: 'data-engine-x',
    label: 'main',
    orgs: [ORG.toLowerCase()],
    datasets: [RUNS],
    requestsPerMinute: 600,
    bytesPerMinute: Number.MAX_SAFE_INTEGER,
    kind: 'hmac',
  }
  const [key] = JSON.parse(listed.stdout)
  expect(key).toMatchObject({
    source: 'data-engine-x',
    label: 'main',
    orgs: terms.orgs,
    datasets: [RUNS],
    requests_per_minute: 600,
    bytes_per_minute: Number.MAX_SAFE_INTEGER,
    kind: 'hmac',
    state: 'retiring',
    not_before: '2025-12-31T23:00:00.000000Z',
    not_after: '2999-01-01T00:00:00.000000Z',
    revoked_at: null,
    last_used_at: null,
    master_key_id: MASTER_KEY.id,
  })
  expect(await auditOf()).toEqual([
    {
      actor: 'alice',
      action: 'key.add',
      subject: key?.id,
      detail: expect.objectContaining(terms),
    },
  ])
  const { rows } = await client.query<{ everything: string }>(
    `select concat(k::text, a::text, encode(k.sealed_secret, 'escape')) as everything
     from ingest.key k, ingest.audit a`,
  )
  for (const text of [listed.stdout, rows[0]?.everything ?? '']) {
    expect(text).not.toContain(secret.slice('whsec_'.length, 30))
  }
})

test('rotate takes over the terms, ends the old key after the overlap, and says which when there are several', async () => {
  const source = 'data-engine-x'
  const old = await addStoredKey(hq.url, { source, orgs: [ORG], datasets: [RUNS], label: 'main' })
  const rotated = await keys(['rotate', '--source', source, '--json'])
  const { id, keys: listed } = JSON.parse(rotated.stdout) as {
    id: string
    keys: Record<string, string>[]
  }
  expect(listed).toMatchObject([
    { id, state: 'active', orgs: [ORG.toLowerCase()], datasets: [RUNS], label: 'main' },
    { id: old.id, state: 'retiring' },
  ])
  const overlapMs = Date.parse(listed[1]?.not_after ?? '') - Date.parse(listed[0]?.created_at ?? '')
  expect(Math.round(overlapMs / 60_000)).toBe(24 * 60)

  const another = await addStoredKey(hq.url, { source })
  const several = await keys(['rotate', '--source', source])
  expect(several.status).toBe(1)
  expect(several.stdout).toContain(`several active keys, ${another.id}, ${id}; name one with --key`)
  // Three may work at once, whichever way the fourth would come.
  for (const args of [
    ['rotate', '--key', id],
    ['add', '--source', source],
  ]) {
    const refused = await keys([...args, '--json'])
    expect(refused.status).toBe(1)
    expect(JSON.parse(refused.stdout).problem).toContain('has 3 keys, the most that may work')
  }
  expect((await client.query('select from ingest.key')).rowCount).toBe(3)
  const actions = (
    await client.query('select action, subject, detail from ingest.audit order by id')
  ).rows
  expect(actions.filter(({ action }) => action === 'key.rotate')).toEqual([
    {
      action: 'key.rotate',
      subject: old.id,
      detail: { source, successor: id, overlapSeconds: 86_400 },
    },
  ])
})

test('the fourth of keys added at the same moment is refused', async () => {
  const added = await Promise.allSettled(
    Array.from({ length: 6 }, () => addStoredKey(hq.url, { source: 'busy' })),
  )
  expect(added.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
})

test('revoke is for good, audited with the login role, and says what it cannot revoke', async () => {
  const { id } = await addStoredKey(hq.url)
  await client.query(`insert into ingest.key_use values (now(), 'eeeeeeeeeeee', 'data-engine-x')`)
  expect(await keys(['revoke', id])).toMatchObject({ status: 0, stderr: '' })
  for (const [key, problem] of [
    [id, `${id} was revoked at 2`],
    ['eeeeeeeeeeee', 'eeeeeeeeeeee stands in INGEST_KEYS of the gateway; take it out'],
    ['ffffffffffff', 'there is no key ffffffffffff; list shows them'],
  ] as const) {
    const refused = await keys(['revoke', key])
    expect(refused).toMatchObject({ status: 1, stderr: '' })
    expect(refused.stdout).toContain(problem)
  }
  const { user } = (await client.query('select session_user as user')).rows[0]
  expect((await auditOf()).slice(1)).toEqual([
    {
      actor: user,
      action: 'key.revoke',
      subject: id,
      detail: { source: 'data-engine-x', state: 'active' },
    },
  ])
  const { stdout } = await keys(['list'])
  expect(stdout).toMatch(/^id +source +state +kind +last used /)
  expect(stdout).toMatch(new RegExp(`${id} +data-engine-x +revoked +hmac +never`))
  expect(stdout).toMatch(/eeeeeeeeeeee +data-engine-x +environment/)
})

test('an ed25519 key is added once, without a secret or a master key, and rotated by its successor', async () => {
  const noMasterKey = { INGEST_MASTER_KEY: '' }
  const args = ['--kind', 'ed25519', '--public-key', publicKeyText()]
  const added = await keys(['add', '--source', 'a', ...args, '--json'], noMasterKey)
  expect(added).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(added.stdout)).not.toHaveProperty('secret')
  const again = await keys(['add', '--source', 'b', ...args], noMasterKey)
  expect(again.status).toBe(1)
  expect(again.stdout).toContain('HQ knows this public key')

  const bare = await keys(['rotate', '--source', 'a'], noMasterKey)
  expect(bare.status).toBe(1)
  expect(bare.stdout).toContain('give its successor with --public-key')
  const next = ['rotate', '--source', 'a', '--public-key', publicKeyText()]
  expect((await keys(next, noMasterKey)).status).toBe(0)
})

test('bad usage is status 2, and so is a master key that is missing', async () => {
  for (const [args, reason] of [
    [['rotate'], 'give --source or --key'],
    [['add', '--source', 'a'], 'INGEST_MASTER_KEY must be set'],
  ] as const) {
    const { status, stdout, stderr } = await keys([...args], { INGEST_MASTER_KEY: '' })
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(reason)
  }
})

test('secrets move to another master key while gateways that have both go on', async () => {
  const next = createMasterKeyText()
  const { id, secret } = await addStoredKey(hq.url, { source: 'data-engine-x' })
  const lost = await addStoredKey(hq.url, {}, parseMasterKey(createMasterKeyText()))
  const masterKeys = [parseMasterKey(next), MASTER_KEY]
  await using both = await startGateway(hq.url, { keys: [], masterKeys })
  const batch = () => buildEnvelope(RUNS, [buildRow(RUNS)])
  await deliver(both.url, batch(), { secret })

  const env = { INGEST_MASTER_KEY: next, INGEST_MASTER_KEY_PREVIOUS: MASTER_KEY_TEXT }
  const moved = await keys(['reencrypt', '--json'], env)
  expect(moved).toMatchObject({ status: 1, stderr: '' })
  expect(JSON.parse(moved.stdout)).toEqual({ sealed: [id], unopened: [lost.id] })
  await deliver(both.url, batch(), { secret })
  await using alone = await startGateway(hq.url, { keys: [], masterKeys: masterKeys.slice(0, 1) })
  await deliver(alone.url, batch(), { secret })
})
