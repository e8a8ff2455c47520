import type pg from 'pg'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startSite } from '../../support/programs/gateway-site.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  problemOf,
  send,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'

let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  const site = await startSite()
  gateway = site.gateway
  client = site.client
  // Sequences do not roll back, so a fault can happen a number of times.
  await client.query(`
    create sequence public.fired;
    create table public.fault (sqlstate text, times integer);
    create function public.fail() returns trigger language plpgsql security definer as $$
    declare f public.fault;
    begin
      select * into f from public.fault;
      if nextval('public.fired') <= f.times then
        raise exception 'of the test' using errcode = f.sqlstate;
      end if;
      return new;
    end $$;
    create trigger fail before insert or update on hq.${RUNS}
      for each row execute function public.fail();
    create trigger fail before insert or update on hq.${COMPANIES}
      for each row execute function public.fail()`)
  return site.stop
})

beforeEach(async () => {
  await client.query(
    `truncate hq.${RUNS}, hq.${COMPANIES}, ingest.batch, ingest.quarantine, public.fault;
     alter sequence public.fired restart`,
  )
})

async function failWith(sqlstate: string, times: number): Promise<void> {
  await client.query('insert into public.fault values ($1, $2)', [sqlstate, times])
}

async function stored(): Promise<{ rows: number; batches: number; quarantined: number }> {
  const { rows } = await client.query(
    `select (select count(*)::int4 from hq.${RUNS}) as rows,
       (select count(*)::int4 from ingest.batch) as batches,
       (select count(*)::int4 from ingest.quarantine) as quarantined`,
  )
  return rows[0]
}

describe.each([
  { sqlstate: '40001', name: 'a serialization failure' },
  { sqlstate: '40P01', name: 'a deadlock' },
])('$name ($sqlstate)', ({ sqlstate }) => {
  test('is tried again inside, up to three times, and the caller sees a 200', async () => {
    await failWith(sqlstate, 3)
    const answer = await deliver(gateway.url, buildEnvelope(RUNS, [buildRow(RUNS), buildRow(RUNS)]))
    expect(answer.counts).toMatchObject({ inserted: 2, quarantined: 0 })
    expect(await stored()).toEqual({ rows: 2, batches: 1, quarantined: 0 })
  })

  test('that does not end is 503, and nothing of the batch stays', async () => {
    await failWith(sqlstate, 1000)
    const batch = buildEnvelope(COMPANIES, [buildRow(COMPANIES)])
    const refused = await send(gateway.url, batch)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await problemOf(refused)).toMatchObject({ code: 'database_unavailable' })
    const { rows } = await client.query(`select last_value::int4 as tries from public.fired`)
    expect(rows).toEqual([{ tries: 4 }])
    await client.query('truncate public.fault')
    expect((await deliver(gateway.url, batch)).counts.inserted).toBe(1)
  })
})

test.each([
  { sqlstate: '53100', name: 'a full disk' },
  { sqlstate: '53200', name: 'no memory' },
  { sqlstate: '55P03', name: 'a lock that is not to be had', code: 'not_in_time' },
  { sqlstate: '57014', name: 'a statement that takes too long', code: 'not_in_time' },
  { sqlstate: '57P01', name: 'a shutdown' },
  { sqlstate: '58030', name: 'an I/O error' },
  { sqlstate: '25006', name: 'a server that is read-only' },
])(
  '$name ($sqlstate) is 503 at once, never the fault of a row',
  async ({ sqlstate, code = 'database_unavailable' }) => {
    await failWith(sqlstate, 1)
    const batch = buildEnvelope(RUNS, [buildRow(RUNS), buildRow(RUNS)])
    const refused = await send(gateway.url, batch)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await problemOf(refused)).toMatchObject({ status: 503, code })
    expect(await stored()).toEqual({ rows: 0, batches: 0, quarantined: 0 })
    expect((await deliver(gateway.url, batch)).counts.inserted).toBe(2)
  },
)

test.each([
  { sqlstate: '22003', name: 'a value that is out of range' },
  { sqlstate: '23514', name: 'a check that is violated' },
  { sqlstate: 'P0001', name: 'what a trigger of HQ raises' },
  { sqlstate: 'HQ001', name: 'a state that somebody made up' },
  { sqlstate: '21000', name: 'a sub-select that finds two rows' },
  { sqlstate: '0A000', name: 'something that is not supported' },
  { sqlstate: '39004', name: 'a function of another language' },
  { sqlstate: '42501', name: 'a right that is missing for this row' },
  { sqlstate: '55000', name: 'a state that is not the required one' },
])('$name ($sqlstate) costs its own row and no other', async ({ sqlstate }) => {
  // The short way of both rows, their COPY, and the careful insert of both fail; then the first row
  // alone; the second is good.
  await failWith(sqlstate, 4)
  const answer = await deliver(gateway.url, buildEnvelope(RUNS, [buildRow(RUNS), buildRow(RUNS)]))
  expect(answer.counts).toMatchObject({ inserted: 1, quarantined: 1 })
  expect(answer.rows).toMatchObject([
    { code: 'database_rejected', detail: `HQ refused the row with SQLSTATE ${sqlstate}` },
  ])
  expect(await stored()).toEqual({ rows: 1, batches: 1, quarantined: 1 })
})

test.each(['42501', '42P01', '42703', '55000'])(
  'what is missing for every row (%s) is 503 database_unavailable, never the fault of a row',
  async (sqlstate) => {
    await failWith(sqlstate, 100_000)
    const rows = Array.from({ length: 40 }, () => buildRow(RUNS))
    for (const batch of [buildEnvelope(RUNS, rows), buildEnvelope(RUNS, [buildRow(RUNS)])]) {
      expect(await problemOf(await send(gateway.url, batch))).toMatchObject({
        status: 503,
        code: 'database_unavailable',
      })
    }
    expect(await stored()).toEqual({ rows: 0, batches: 0, quarantined: 0 })
  },
)
