import { randomBytes, randomUUID } from 'node:crypto'
import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import { CHECKS } from '@hq-export/hq-ingest/doctor/checks.ts'
import { runDoctor } from '@hq-export/hq-ingest/doctor/run-doctor.ts'
import { parseIngestKeys } from '@hq-export/hq-ingest/keys/ingest-key.ts'
import { expireLedger } from '@hq-export/hq-ingest/ledger/expire-ledger.ts'
import type { NamedFinding } from '@hq-export/runtime/doctor/finding.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runApp } from '../../../support/programs/app-process.ts'
import { createSecret } from '../../../support/programs/pipeline.ts'
import { createHqDatabase, type TestDatabase } from '../../../support/servers/databases.ts'

const { keys } = parseIngestKeys(`data-engine-x=${createSecret()}`)

let database: TestDatabase
beforeAll(async () => {
  database = await createHqDatabase()
  // As a gateway does at its start.
  const writer = await connectWriter(database.url)
  await expireLedger(writer, Date.now(), 30)
  await writer.end()
})
afterAll(() => database[Symbol.asyncDispose]())

/** Findings that are not good; of the tests' server itself, which runs without fsync, none. */
async function troubles(
  options: Parameters<typeof runDoctor>[1] = { keys },
  url = database.url,
): Promise<string[]> {
  const found = await runDoctor(url, options, CHECKS)
  return found
    .filter(({ state, check }) => state !== 'ok' && check !== 'durability')
    .map(({ state, check, found, todo }) => {
      expect(todo).not.toBeNull()
      return `${state} ${check}: ${found}`
    })
}

const NOTHING_SENT = [
  'warn heartbeats: no source has sent anything yet',
  'warn reconciliations: no source was ever compared',
]

test('a sound HQ, to which nobody has sent anything, is good and says what comes next', async () => {
  expect(await troubles()).toEqual(NOTHING_SENT)
  const env = { HQ_DATABASE_URL: database.url, INGEST_KEYS: `data-engine-x=${createSecret()}` }
  const { exitCode, output } = await runApp('hq-ingest', ['doctor', '--json'], env)
  expect(exitCode).toBe(0)
  const findings: NamedFinding[] = JSON.parse(output)
  expect(new Set(findings.map(({ check }) => check))).toEqual(
    new Set(CHECKS.map(({ name }) => name)),
  )
})

test('a database that is not migrated is one finding that names the command, and exits 1', async () => {
  const client = await database.connect()
  const name = `doctor_${randomUUID().replaceAll('-', '')}`
  await client.query(`create database ${name}`)
  const url = new URL(database.url)
  url.pathname = `/${name}`
  const { exitCode, output } = await runApp('hq-ingest', ['doctor'], { HQ_DATABASE_URL: url.href })
  await client.query(`drop database ${name} with (force)`)
  expect(exitCode).toBe(1)
  expect(output).toMatch(/fail +migrations/)
  expect(output).toContain('npm run ingest -- migrate')
  expect(output).not.toContain('contract-tables')
})

test('a server that does not answer is said in one sentence, and exits 2', async () => {
  const env = { HQ_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/hq' }
  const { exitCode, output } = await runApp('hq-ingest', ['doctor'], env)
  expect(exitCode).toBe(2)
  expect(output.trim().split('\n')).toHaveLength(1)
})

test('a ledger without the next months is named before a batch meets one', async () => {
  await using fresh = await createHqDatabase()
  expect(await troubles({ keys }, fresh.url)).toContainEqual(
    expect.stringMatching(/^warn partitions: .* no partition for next month/),
  )
})

/** What is done to HQ by hand, what the doctor says of it, and what takes it back. */
const FAULTS: readonly (readonly [fault: string, undo: string, finding: RegExp])[] = [
  [
    'alter table hq.dx_operation_runs_v1 alter column attempt_count type bigint',
    'alter table hq.dx_operation_runs_v1 alter column attempt_count type integer',
    /^fail contract-tables: .*runs_v1\.attempt_count is bigint, not null; the contract says integer/,
  ],
  [
    'alter table hq.dx_operation_runs_v1 rename column error_code to failure_code',
    'alter table hq.dx_operation_runs_v1 rename column failure_code to error_code',
    /^fail contract-tables: hq\.dx_operation_runs_v1 lacks the column error_code/,
  ],
  [
    'alter table hq.dx_person_entities_v1 alter column work_email set not null',
    'alter table hq.dx_person_entities_v1 alter column work_email drop not null',
    /^fail contract-tables: .*work_email is text, not null; the contract says text, nullable/,
  ],
  [
    `alter table hq.dx_company_entities_v1 add column score integer not null default 0;
     alter table hq.dx_company_entities_v1 alter column score drop default`,
    'alter table hq.dx_company_entities_v1 drop column score',
    /^fail contract-tables: .* has a column score that must be filled/,
  ],
  [
    'alter table hq.dx_company_entities_v1 add column note text',
    'alter table hq.dx_company_entities_v1 drop column note',
    /^warn contract-tables: .* has a column note that the contract does not know/,
  ],
  [
    'alter table hq.dx_operation_events_v1 disable row level security',
    'alter table hq.dx_operation_events_v1 enable row level security',
    /^fail contract-tables: .*events_v1 does not keep the orgs of its readers apart/,
  ],
  [
    'revoke select on hq.dx_operation_events_v1 from hq_reader',
    'grant select on hq.dx_operation_events_v1 to hq_reader',
    /^warn contract-tables: hq_reader may not read hq\.dx_operation_events_v1/,
  ],
  [
    'alter table hq.dx_entity_snapshots_v1 owner to current_user',
    'alter table hq.dx_entity_snapshots_v1 owner to hq_ingest_writer',
    /^fail contract-tables: hq\.dx_entity_snapshots_v1 belongs to /,
  ],
  [
    'alter table ingest.batch force row level security; alter table ingest.batch enable row level security',
    'alter table ingest.batch no force row level security; alter table ingest.batch disable row level security',
    /^fail hidden-rows: row level security of ingest\.batch hides rows/,
  ],
  [
    `create function public.odd() returns trigger language plpgsql as 'begin return new; end';
     create trigger odd before insert on hq.dx_operation_runs_v1
       for each row execute function public.odd()`,
    'drop trigger odd on hq.dx_operation_runs_v1; drop function public.odd()',
    /^fail foreign-code: /,
  ],
  [
    `insert into ingest.heartbeat (source, source_ts, received_at, batch)
     values ('asleep', now() - interval '1 hour', now() - interval '1 hour', 'b')`,
    `delete from ingest.heartbeat where source = 'asleep'`,
    /^warn heartbeats: nothing came from asleep for 60 minutes/,
  ],
]

describe('what is done to HQ by hand is found, and gone once it is undone', () => {
  test.each(FAULTS)('%s', async (fault, undo, finding) => {
    const client = await database.connect()
    try {
      await client.query(fault)
      expect(await troubles()).toContainEqual(expect.stringMatching(finding))
      await client.query(undo)
      expect(await troubles()).toEqual(NOTHING_SENT)
    } finally {
      await client.end()
    }
  })
})

test('no key, a key that cannot be opened, and one that ends soon', async () => {
  expect(await troubles({})).toContain('fail keys: there is no key: every batch is refused')
  const client = await database.connect()
  const env = {
    HQ_DATABASE_URL: database.url,
    INGEST_MASTER_KEY: `${randomBytes(32).toString('base64')}`,
  }
  const added = await runApp('hq-ingest', ['keys', 'add', '--source', 'sealed'], env)
  expect(added.exitCode, added.output).toBe(0)
  expect(await troubles()).toContainEqual(
    expect.stringMatching(/^fail keys: key \w+ of sealed cannot be used: it was sealed with/),
  )
  await client.query(`update ingest.key set not_after = now() + interval '3 days'`)
  expect(await troubles()).toContainEqual(
    expect.stringMatching(/^warn keys: key \w+ of sealed ends .* none that lasts longer/),
  )
  await client.query('delete from ingest.key')
  await client.end()
})

test('a clock that differs is named, and by how much', async () => {
  const ahead = (seconds: number) => troubles({ keys, now: () => Date.now() + seconds * 1000 })
  expect(await ahead(60)).toContainEqual(
    expect.stringMatching(/^warn clock: .* differ by (59|60) s/),
  )
  expect(await ahead(-400)).toContainEqual(expect.stringMatching(/^fail clock: .* differ by \d+ s/))
})
