import { expect, test } from 'vitest'
import { formOf, OPERATOR, PROXY_ENV, startConsole } from '../support/console/console-users.ts'
import { AppProcess } from '../support/programs/app-process.ts'
import { createHqDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const ROWS = 330
/** In the third piece of an action. */
const HELD = 250

test('killed in the middle, an action goes on behind the last piece, and no item is done twice', async () => {
  await using hq = await createHqDatabase()
  const client = await hq.connect()
  await client.query(
    `insert into ingest.quarantine (source, dataset, schema_version, batch, row_index, code,
       row_text, row_sha256, deleted, xid, captured_at)
     select 's', 'dx_operation_runs_v1', 'v1', 'b', 0, 'row_too_large', '{}',
       sha256(i::text::bytea), false, '1', now()
     from generate_series(1, ${ROWS}) i`,
  )
  const blocker = await hq.connect()
  await blocker.query('begin')
  await blocker.query(`select from ingest.quarantine where id = ${HELD} for update`)
  const env = { ...PROXY_ENV, HQ_DATABASE_URL: hq.url }
  await using app = new AppProcess('console', [], { ...env, CONSOLE_PORT: '0' })
  const url = await waitFor('the console to listen', () =>
    app.lines.map((line) => /"url":"([^"]+)"/.exec(line)?.[1]).find((found) => found !== undefined),
  )
  const asked = await fetch(`${url}/actions/new?do=quarantine.discard&code=row_too_large`, {
    headers: OPERATOR,
  })
  const form = { ...formOf(await asked.text()), reason: 'a test', typed: String(ROWS) }
  const begun = await fetch(`${url}/actions/quarantine.discard`, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...OPERATOR, 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams(form),
  })
  expect(begun.status).toBe(303)
  await waitFor('two pieces to be done', async () => {
    const { rows } = await client.query<{ done: number }>('select done from ingest.action')
    return rows[0]?.done === 200
  })
  await app.kill()
  await blocker.query('rollback')

  await using next = await startConsole({ HQ_DATABASE_URL: hq.url })
  const text = await waitFor('the action to end', async () => {
    const page = await next.get(begun.headers.get('location') ?? '', OPERATOR)
    return !page.text.includes('under way') && page.text
  })
  expect(text).toContain(`${ROWS} done, 0 failed, 0 left`)
  const { rows } = await client.query<{ ids: number; different: number; items: number }>(
    `select count(*)::int as ids, count(distinct entry)::int as different,
       (select count(*)::int from ingest.action_item) as items
     from ingest.audit cross join lateral jsonb_array_elements_text(detail -> 'ids') as entry`,
  )
  expect(rows).toEqual([{ ids: ROWS, different: ROWS, items: ROWS }])
})
