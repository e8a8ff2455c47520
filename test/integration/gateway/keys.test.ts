import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { parseSigningKey, sign } from '@hq-export/contract'
import { createPool } from '@hq-export/hq-ingest/db/connect.ts'
import { transactAsWriter } from '@hq-export/hq-ingest/db/transact-as-writer.ts'
import type { IngestServerOptions } from '@hq-export/hq-ingest/ingest-server.ts'
import { addKey, lockKeys } from '@hq-export/hq-ingest/keys/add-key.ts'
import { readPublicMaterial } from '@hq-export/hq-ingest/keys/key-material.ts'
import { listKeys } from '@hq-export/hq-ingest/keys/list-keys.ts'
import { parseMasterKey } from '@hq-export/hq-ingest/keys/master-key.ts'
import { revokeKey } from '@hq-export/hq-ingest/keys/revoke-key.ts'
import { UseLog } from '@hq-export/hq-ingest/keys/use-log.ts'
import { createLogger } from '@hq-export/hq-ingest/process/log.ts'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  ingestKey,
  post,
  problemOf,
  SECRET,
  type SendOptions,
  SOURCE,
  send,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import { runIngest, spawnGateway } from '../../support/programs/ingest-process.ts'
import {
  addStoredKey,
  createMasterKeyText,
  keyTerms,
  MASTER_KEY,
  MASTER_KEY_TEXT,
} from '../../support/programs/stored-keys.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const EVENTS = 'dx_operation_events_v1'
const HOUR_MS = 3_600_000

let hq: TestDatabase
let client: pg.Client

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
})

afterAll(() => hq[Symbol.asyncDispose]())

afterEach(async () => {
  await client.query(
    `truncate hq.${RUNS}, ingest.batch, ingest.quarantine, ingest.key,
       ingest.key_use, ingest.audit`,
  )
})

/** A gateway whose keys are those of HQ alone, read often. */
function startKeyGateway(options: Partial<IngestServerOptions> = {}): Promise<TestGateway> {
  return startGateway(hq.url, {
    keys: [],
    masterKeys: [MASTER_KEY],
    keyTiming: { refreshMs: 20 },
    ...options,
  })
}

function envelope(source = SOURCE) {
  return buildEnvelope(RUNS, [buildRow(RUNS)], { source })
}

async function statusOf(url: string, options: SendOptions): Promise<number> {
  const response = await send(url, envelope(), options)
  await response.arrayBuffer()
  return response.status
}

function waitForStatus(url: string, status: number, options: SendOptions): Promise<unknown> {
  return waitFor(`an answer of ${status}`, async () => (await statusOf(url, options)) === status)
}

function revoke(id: string): Promise<unknown> {
  return transactAsWriter(hq.url, (writer) => revokeKey(writer, id, 'test'))
}

const iso = (ms: number) => new Date(ms).toISOString()

test('a key that is added or revoked while the gateway runs works or stops within 5 s', async () => {
  const settings = { HQ_DATABASE_URL: hq.url, INGEST_MASTER_KEY: MASTER_KEY_TEXT }
  const { url } = await spawnGateway(hq.url, { ...settings, INGEST_KEYS: '' })
  const added = await runIngest(['keys', 'add', '--source', SOURCE, '--json'], settings)
  expect(added).toMatchObject({ status: 0, stderr: '' })
  const { id, secret } = JSON.parse(added.stdout)
  await waitFor('the key to work', async () => (await statusOf(url, { secret })) === 200, 5_000)

  const revoked = await runIngest(['keys', 'revoke', id], settings)
  expect(revoked).toMatchObject({ status: 0, stderr: '' })
  await waitFor('the key to stop', async () => (await statusOf(url, { secret })) === 401, 5_000)
})

test('an old and a new key overlap while they rotate, and the old one ends with the overlap', async () => {
  let nowMs = Date.now()
  await using gateway = await startKeyGateway({ now: () => nowMs })
  const old = await addStoredKey(hq.url, { source: SOURCE })
  const settings = { HQ_DATABASE_URL: hq.url, INGEST_MASTER_KEY: MASTER_KEY_TEXT }
  const args = ['keys', 'rotate', '--source', SOURCE, '--overlap', '1h', '--json']
  const { secret } = JSON.parse((await runIngest(args, settings)).stdout)
  const signed = (with_: string) => ({ secret: with_, timestamp: Math.floor(nowMs / 1000) })
  await waitForStatus(gateway.url, 200, signed(secret))
  expect(await statusOf(gateway.url, signed(old.secret))).toBe(200)

  nowMs += HOUR_MS - 120_000
  expect(await statusOf(gateway.url, signed(old.secret))).toBe(200)
  nowMs += 240_000
  expect(await statusOf(gateway.url, signed(old.secret))).toBe(401)
  expect(await statusOf(gateway.url, signed(secret))).toBe(200)
})

test('whatever is wrong with a key, the caller sees the same 401, and nothing is written', async () => {
  await using gateway = await startKeyGateway()
  const now = Date.now()
  const source = SOURCE
  const expired = await addStoredKey(hq.url, { source, notAfter: iso(now - 1000) })
  const pending = await addStoredKey(hq.url, { source, notBefore: iso(now + HOUR_MS) })
  const revoked = await addStoredKey(hq.url, { source })
  await revoke(revoked.id)
  const foreign = await addStoredKey(hq.url, { source: 'other' })
  // The ring has read them all as soon as the last one works.
  await waitFor('the keys to be read', async () => {
    const { secret } = foreign
    const response = await send(gateway.url, envelope('other'), { secret })
    return response.status === 200
  })
  await client.query(`truncate hq.${RUNS}, ingest.batch`)
  const answers = await Promise.all(
    [expired, pending, revoked, foreign, { secret: `whsec_${'A'.repeat(43)}=` }].map(
      async ({ secret }) => {
        const response = await send(gateway.url, envelope(), { secret })
        const headers = Object.fromEntries(response.headers)
        delete headers.date
        // The id of the request is all that differs.
        const body = (await response.text()).replace(/urn:uuid:[0-9a-f-]{36}/, 'urn:uuid:')
        return { status: response.status, headers, body }
      },
    ),
  )
  expect(answers[0]?.status).toBe(401)
  for (const answer of answers) expect(answer).toEqual(answers[0])
  const { rows } = await client.query(
    `select (select count(*) from hq.${RUNS}) + (select count(*) from ingest.batch)
       + (select count(*) from ingest.quarantine) as n`,
  )
  expect(rows).toEqual([{ n: '0' }])
})

test('a key limited to datasets is refused any other with 403, and the heartbeat with nothing', async () => {
  await using gateway = await startKeyGateway()
  const { secret } = await addStoredKey(hq.url, { datasets: [EVENTS] })
  const event = buildEnvelope(EVENTS, [buildRow(EVENTS)])
  await waitFor(
    'the key to work',
    async () => (await send(gateway.url, event, { secret })).status === 200,
  )
  const beat = buildEnvelope('dx_heartbeat_v1', [{ source_ts: '2026-01-01T00:00:00Z' }])
  await deliver(gateway.url, beat, { secret })
  for (const dataset of [RUNS, 'dx_unknown_v1']) {
    const refused = await send(gateway.url, { ...envelope(), dataset }, { secret })
    expect(await problemOf(refused)).toMatchObject({ status: 403, code: 'not_allowed' })
  }
  expect((await client.query(`select from hq.${RUNS}`)).rows).toEqual([])
})

test('a row of an org that a stored key may not write is quarantined, and nothing of it is in hq', async () => {
  await using gateway = await startKeyGateway()
  const [own, foreign] = [randomUUID(), randomUUID()]
  const { secret } = await addStoredKey(hq.url, { orgs: [own.toUpperCase()] })
  await waitForStatus(gateway.url, 200, { secret })
  await client.query(`truncate hq.${RUNS}, ingest.quarantine`)
  const rows = [buildRow(RUNS, { org_id: foreign }), buildRow(RUNS, { org_id: own })]
  const answer = await deliver(gateway.url, buildEnvelope(RUNS, rows), { secret })
  expect(answer.rows).toMatchObject([{ index: 0, code: 'org_not_allowed' }])
  expect((await client.query(`select org_id from hq.${RUNS}`)).rows).toEqual([{ org_id: own }])
  expect((await client.query('select org_id from ingest.quarantine')).rows).toEqual([
    { org_id: foreign },
  ])
})

test('a stored key that cannot be opened verifies nothing and is logged once, and the others work', async () => {
  const lines: Record<string, unknown>[] = []
  const log = createLogger('info', { write: (line) => void lines.push(JSON.parse(line)) })
  const good = await addStoredKey(hq.url)
  const lost = await addStoredKey(hq.url, {}, parseMasterKey(createMasterKeyText()))
  const moved = await addStoredKey(hq.url, { source: 'other' })
  await client.query('update ingest.key set source = $1 where id = $2', [SOURCE, moved.id])
  await using gateway = await startKeyGateway({ log })
  expect(await statusOf(gateway.url, { secret: good.secret })).toBe(200)
  for (const { secret } of [lost, moved]) {
    expect(await statusOf(gateway.url, { secret })).toBe(401)
  }
  // A key that is added is seen by a later look, which finds the bad ones once more.
  const later = await addStoredKey(hq.url, { source: 'later' })
  await waitFor('another look', async () => {
    const response = await send(gateway.url, envelope('later'), { secret: later.secret })
    return response.status === 200
  })
  const errors = lines.filter(({ level }) => level === 50)
  expect(errors).toHaveLength(2)
  expect(errors).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ key: lost.id, reason: 'no_master_key', unusable: 2 }),
      expect.objectContaining({ key: moved.id, reason: 'not_authentic', unusable: 2 }),
    ]),
  )
  expect(JSON.stringify(lines)).not.toContain('whsec_')
})

test('while the keys cannot be read, stored keys stop with 503 and those of the environment work', async () => {
  await using gateway = await startKeyGateway({
    keys: [ingestKey({ source: 'env' })],
    keyTiming: { refreshMs: 20, staleAfterMs: 300, queryTimeoutMs: 100 },
  })
  const { secret } = await addStoredKey(hq.url)
  await waitForStatus(gateway.url, 200, { secret })
  const holder = await hq.connect()
  onTestFinished(() => holder.end())
  await holder.query('begin; lock table ingest.key in access exclusive mode')
  await waitForStatus(gateway.url, 503, { secret })
  const refused = await send(gateway.url, envelope(), { secret })
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await problemOf(refused)).toMatchObject({ code: 'database_unavailable' })
  await deliver(gateway.url, envelope('env'), { secret: SECRET })
  await holder.query('rollback')
  await waitForStatus(gateway.url, 200, { secret })
})

test('a key of the environment that HQ knows is what HQ says, revoked included', async () => {
  const { id, secret } = await addStoredKey(hq.url)
  const keys = [ingestKey({ secret })]
  await using gateway = await startKeyGateway({ keys })
  expect(await statusOf(gateway.url, { secret })).toBe(200)
  await revoke(id)
  await waitForStatus(gateway.url, 401, { secret })
  await using next = await startKeyGateway({ keys })
  expect(await statusOf(next.url, { secret })).toBe(401)
})

test('an ed25519 key of HQ needs no master key', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const base64 = (encoded = '') => Buffer.from(encoded, 'base64url').toString('base64')
  const material = readPublicMaterial(`whpk_${base64(publicKey.export({ format: 'jwk' }).x)}`)
  await transactAsWriter(hq.url, async (writer) => {
    await lockKeys(writer)
    await addKey(writer, material, keyTerms(), { actor: 'test' })
  })
  await using gateway = await startKeyGateway({ masterKeys: [] })
  const secret = `whsk_${base64(privateKey.export({ format: 'jwk' }).d)}`
  expect(await statusOf(gateway.url, { secret })).toBe(200)
})

test('the last use of every key is seen, and of a batch signed with two the newer one is used', async () => {
  await using gateway = await startKeyGateway({ keys: [ingestKey({ source: 'env' })] })
  const [old, idle, fresh] = [
    await addStoredKey(hq.url),
    await addStoredKey(hq.url),
    await addStoredKey(hq.url),
  ]
  await waitForStatus(gateway.url, 200, { secret: fresh.secret })
  await client.query('truncate ingest.key_use')
  const before = Date.now()
  await deliver(gateway.url, envelope('env'), { secret: SECRET })
  const body = JSON.stringify(envelope())
  const [id, timestamp] = ['both', Math.floor(Date.now() / 1000)]
  const signature = sign({ id, timestamp, body: Buffer.from(body) }, [
    parseSigningKey(old.secret),
    parseSigningKey(fresh.secret),
  ])
  const headers = { 'webhook-signature': signature }
  expect((await post(gateway.url, body, { id, timestamp, headers })).status).toBe(200)
  await gateway.server.stop()

  const keys = await listKeys(client)
  const used = keys.filter(({ lastUsedAt }) => Date.parse(lastUsedAt ?? '') >= before)
  expect(used.map(({ id: key, state }) => ({ key, state }))).toEqual([
    { key: fresh.id, state: 'active' },
    { key: ingestKey().id, state: 'environment' },
  ])
  expect(keys.find((key) => key.id === idle.id)?.lastUsedAt).toBeNull()
})

test('the use of a key is written at most once in the interval, and never put back', async () => {
  const pool = createPool(hq.url, 1)
  // The pool has ended before its session has: dropping the database may end that one first.
  pool.on('error', () => {})
  try {
    const [here, elsewhere] = [new UseLog(), new UseLog()]
    const key = ingestKey()
    const written = async () => (await listKeys(client))[0]?.lastUsedAt
    const startMs = Date.parse('2026-01-01T00:00:00Z')
    async function use(log: UseLog, atSeconds: number) {
      const nowMs = startMs + atSeconds * 1000
      log.note(key, nowMs)
      await log.write(pool, nowMs, 60_000)
    }
    await use(here, 0)
    expect(await written()).toBe('2026-01-01T00:00:00.000000Z')
    await use(here, 59)
    expect(await written()).toBe('2026-01-01T00:00:00.000000Z')
    await use(here, 60)
    expect(await written()).toBe('2026-01-01T00:01:00.000000Z')
    await use(elsewhere, 30)
    expect(await written()).toBe('2026-01-01T00:01:00.000000Z')
    // Nothing was used since, so nothing is written, however late it is.
    await here.write(pool, startMs + 600_000, 60_000)
    expect(await written()).toBe('2026-01-01T00:01:00.000000Z')
  } finally {
    await pool.end()
  }
})
