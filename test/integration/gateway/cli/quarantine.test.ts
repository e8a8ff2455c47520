import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startSite } from '../../../support/programs/gateway-site.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  envelopeRow,
  ingestKey,
  startGateway,
  type TestGateway,
} from '../../../support/programs/ingest-client.ts'
import { type Run, runIngest } from '../../../support/programs/ingest-process.ts'
import type { TestDatabase } from '../../../support/servers/databases.ts'

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'

let hq: TestDatabase
let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  const site = await startSite()
  hq = site.hq
  gateway = site.gateway
  client = site.client
  return site.stop
})

beforeEach(async () => {
  await client.query(
    `truncate hq.${RUNS}, hq.${COMPANIES}, ingest.batch, ingest.quarantine,
       ingest.audit restart identity;
     alter table hq.${COMPANIES} drop constraint if exists operators_rule`,
  )
})

function quarantine(...args: string[]): Promise<Run> {
  return runIngest(['quarantine', ...args], { HQ_DATABASE_URL: hq.url })
}

async function json(...args: string[]) {
  const run = await quarantine(...args, '--json')
  return { status: run.status, data: JSON.parse(run.stdout) }
}

/**
 * Makes PostgreSQL refuse companies of an industry, and sends some of it: rows that are good once
 * the rule is gone.
 */
async function refuseCompanies(count: number) {
  await client.query(
    `alter table hq.${COMPANIES}
       add constraint operators_rule check (industry <> 'forbidden') not valid`,
  )
  const rows = Array.from({ length: count }, () => buildRow(COMPANIES, { industry: 'forbidden' }))
  const answer = await deliver(gateway.url, buildEnvelope(COMPANIES, rows), { id: randomUUID() })
  expect(answer.counts.quarantined).toBe(count)
  return rows
}

async function lift(): Promise<void> {
  await client.query(`alter table hq.${COMPANIES} drop constraint operators_rule`)
}

async function count(from: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(`select count(*)::int4 as n from ${from}`)
  return rows[0]?.n ?? -1
}

describe('list', () => {
  test('pages by keyset, filters, and exits 1 while an entry is open', async () => {
    const bad = Array.from({ length: 5 }, () => buildRow(RUNS, { status: 'unknown' }))
    await deliver(gateway.url, buildEnvelope(RUNS, bad), { id: 'runs' })
    const [company] = await refuseCompanies(1)

    const first = await json('list', '--limit', '4')
    expect(first.status).toBe(1)
    expect(first.data.entries.map(({ id }: { id: string }) => id)).toEqual(['6', '5', '4', '3'])
    // What comes meanwhile shifts nothing.
    await deliver(gateway.url, buildEnvelope(RUNS, [buildRow(RUNS, { status: 'x' })]))
    const second = await json('list', '--limit', '4', '--before', first.data.next)
    expect(second.data.entries.map(({ id }: { id: string }) => id)).toEqual(['2', '1'])
    expect(second.data.next).toBeNull()

    const ids = async (...args: string[]) =>
      (await json('list', ...args)).data.entries.map(({ id }: { id: string }) => id)
    expect(await ids('--dataset', COMPANIES)).toEqual(['6'])
    expect(await ids('--reason', 'invalid_value', '--batch', 'runs')).toEqual([
      '5',
      '4',
      '3',
      '2',
      '1',
    ])
    expect(await ids('--org', String(company?.org_id))).toEqual(['6'])
    expect(await ids('--source', 'nobody')).toEqual([])
    expect(await ids('--since', '2999-01-01T00:00:00Z')).toEqual([])
    expect((await quarantine('list', '--resolved')).status).toBe(0)
    expect((await quarantine('list')).stdout).toContain('database_rejected')
  })
})

test('show hides the row unless it is told to show it', async () => {
  await deliver(gateway.url, buildEnvelope(RUNS, [buildRow(RUNS, { status: 'private thing' })]))
  const hidden = await quarantine('show', '1')
  expect(hidden).toMatchObject({ status: 0 })
  expect(hidden.stdout).not.toContain('private thing')
  expect(hidden.stdout).toContain('/rows/0/row/status')
  const shown = await json('show', '1', '--values')
  expect(JSON.parse(shown.data.row).status).toBe('private thing')
  expect(await json('show', '99')).toEqual({ status: 1, data: null })
})

describe('replay', () => {
  test('applies the rows as they were sent, closes the entries, and writes down who did it', async () => {
    const rows = await refuseCompanies(3)
    await lift()
    const counted = await json('replay', '--reason', 'database_rejected', '--dry-run')
    expect(counted.data).toEqual({
      dry_run: true,
      selected: 3,
      counts: [{ dataset: COMPANIES, reason: 'database_rejected', rows: 3 }],
      missing: [],
    })
    expect(await count(`hq.${COMPANIES}`)).toBe(0)

    const run = await json('replay', '--reason', 'database_rejected', '--by', 'ada')
    expect(run).toEqual({
      status: 0,
      data: {
        dry_run: false,
        selected: 3,
        replayed: ['1', '2', '3'],
        refused: [],
        not_replayable: [],
        missing: [],
      },
    })
    const { rows: stored } = await client.query(
      `select c.entity_id, c._dx_xid::text as xid, q.resolution, q.resolved_by,
         q.resolution_note = c._dx_batch as by_batch,
         b.source is not null as in_ledger
       from hq.${COMPANIES} c join ingest.quarantine q
         on q.key = concat_ws('/', c.org_id, c.entity_id)
       left join ingest.batch b on (b.source, b.batch) = (c._dx_source, c._dx_batch)`,
    )
    expect(stored).toHaveLength(3)
    for (const row of stored) {
      expect(row).toMatchObject({
        xid: '4242',
        resolution: 'replayed',
        resolved_by: 'ada',
        by_batch: true,
        in_ledger: true,
      })
    }
    expect(stored.map((row) => row.entity_id).sort()).toEqual(
      rows.map((row) => row.entity_id).sort(),
    )
    const { rows: audit } = await client.query('select actor, action, detail from ingest.audit')
    expect(audit).toMatchObject([
      { actor: 'ada', action: 'quarantine.replay', detail: { replayed: ['1', '2', '3'] } },
    ])
  })

  test('a second replay is a batch of its own, and changes nothing', async () => {
    await refuseCompanies(1)
    await lift()
    await json('replay', '--id', '1')
    const before = await client.query(`select *, xmin from hq.${COMPANIES}`)
    expect((await json('replay', '--id', '1')).data.replayed).toEqual(['1'])
    expect((await client.query(`select *, xmin from hq.${COMPANIES}`)).rows).toEqual(before.rows)
    expect(await count(`ingest.batch where batch like 'replay%'`)).toBe(2)
  })

  test('is guarded by the version: what is newer in HQ stays', async () => {
    const [row] = await refuseCompanies(1)
    await lift()
    const newer = { ...row, record_version: '7', canonical_name: 'newer' }
    await deliver(gateway.url, buildEnvelope(COMPANIES, [newer]))
    expect((await json('replay', '--all')).data.replayed).toEqual(['1'])
    expect(await count(`hq.${COMPANIES} where canonical_name = 'newer'`)).toBe(1)
  })

  test('a row that is refused again stays open with the reason of now, and the others are applied', async () => {
    await refuseCompanies(2)
    await lift()
    const { rows } = await client.query('select row_text from ingest.quarantine where id = 2')
    const row = JSON.parse(rows[0].row_text)
    const other = { ...row, industry: 'other' }
    await deliver(gateway.url, buildEnvelope(COMPANIES, [other]))
    const run = await json('replay', '--all')
    expect(run).toMatchObject({
      status: 1,
      data: { replayed: ['1'], refused: [{ id: '2', reason: 'version_conflict' }] },
    })
    const { rows: entries } = await client.query(
      `select id::text, code, resolution, seen_count,
         pointer = '/rows/' || row_index || '/row' as points
       from ingest.quarantine q order by q.id`,
    )
    expect(entries).toEqual([
      {
        id: '1',
        code: 'database_rejected',
        resolution: 'replayed',
        seen_count: 1,
        points: true,
      },
      {
        id: '2',
        code: 'version_conflict',
        resolution: null,
        seen_count: 2,
        points: true,
      },
    ])
  })

  test('a deletion is replayed as one', async () => {
    await client.query(
      `alter table hq.${COMPANIES} add constraint operators_rule check (industry <> 'forbidden')`,
    )
    const gone = envelopeRow(buildRow(COMPANIES, { industry: 'forbidden' }), {
      deleted: true,
      captured_at: '2026-02-03T04:05:06.789012Z',
    })
    await deliver(gateway.url, buildEnvelope(COMPANIES, [gone]))
    await lift()
    await json('replay', '--all')
    expect(
      await count(`hq.${COMPANIES} where _dx_deleted_at = '2026-02-03T04:05:06.789012Z'`),
    ).toBe(1)
  })

  test('I7, I8: a row of an org that its key may not write, or whose secret was removed, is not applied by HQ alone', async () => {
    await using scoped = await startGateway(hq.url, { keys: [ingestKey({ orgs: [randomUUID()] })] })
    const foreign = buildRow(RUNS)
    // Refused for its form first; its org is no better for that.
    const malformed = { ...buildRow(RUNS), status: 'unknown' }
    const leaking = buildRow(RUNS, { error_message: `ghp_${randomUUID().replaceAll('-', '')}aBcD` })
    await deliver(scoped.url, buildEnvelope(RUNS, [foreign, malformed, leaking]))
    const { status, data } = await json('replay', '--all')
    expect(status).toBe(1)
    expect(data).toMatchObject({ replayed: [], refused: [] })
    expect(data.not_replayable.map(({ id }: { id: string }) => id).sort()).toEqual(['1', '2', '3'])
    expect(await count(`hq.${RUNS}`)).toBe(0)
    expect(await count('ingest.quarantine where resolved_at is null')).toBe(3)
  })
})

describe('discard', () => {
  test('closes what is selected, with the note, and keeps the rows', async () => {
    await deliver(
      gateway.url,
      buildEnvelope(RUNS, [buildRow(RUNS, { status: 'a' }), buildRow(RUNS, { status: 'b' })]),
    )
    expect((await json('discard', '--id', '1', '--note', 'test tenant')).data).toEqual({
      dry_run: false,
      selected: 1,
      discarded: ['1'],
      missing: [],
    })
    const { rows } = await client.query(
      `select resolution, resolution_note, resolved_by = current_user as by_login
       from ingest.quarantine order by id`,
    )
    expect(rows).toEqual([
      { resolution: 'discarded', resolution_note: 'test tenant', by_login: true },
      { resolution: null, resolution_note: null, by_login: null },
    ])
    const { rows: audit } = await client.query('select action, detail from ingest.audit')
    expect(audit).toMatchObject([
      { action: 'quarantine.discard', detail: { note: 'test tenant', ids: ['1'] } },
    ])
  })
})

test.each([
  { args: ['discard', '--note', 'x'], says: 'say which' },
  { args: ['replay'], says: 'say which' },
  { args: ['replay', '--all', '--dataset', RUNS], says: 'say which' },
  { args: ['replay', '--id', '1', '--dataset', RUNS], says: 'say which' },
  { args: ['discard', '--all'], says: '--note' },
  { args: ['list', '--reason', 'nonsense'], says: 'must be one of' },
  { args: ['list', '--since', 'yesterday'], says: 'ISO 8601' },
  { args: ['show', 'x'], says: 'must be an id, as list shows it' },
])('$args is refused with status 2, and changes nothing', async ({ args, says }) => {
  const run = await quarantine(...args)
  expect(run).toMatchObject({ status: 2, stdout: '' })
  expect(run.stderr).toContain(says)
  expect(run.stderr).toMatch(/^ingest: .*\n$/)
})

test('an id that does not exist is something wrong: exit status 1', async () => {
  const run = await quarantine('replay', '--id', '99')
  expect(run.status).toBe(1)
  expect(run.stdout).toContain('no entry 99; list shows them')
})
