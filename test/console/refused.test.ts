import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ConsoleSite } from '../support/console/console-site.ts'
import {
  AUDITOR,
  formOf,
  OPERATOR,
  startConsole,
  VIEWER,
} from '../support/console/console-users.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { SECRET, startGateway } from '../support/programs/ingest-client.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import {
  createDxDatabase,
  createHqDatabase,
  type TestDatabase,
} from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'

const held = new AsyncDisposableStack()
let hq: TestDatabase
let site: ConsoleSite
let dx: pg.Client
let hqClient: pg.Client
let orgId: string

beforeAll(async () => {
  hq = held.use(await createHqDatabase())
  const source = held.use(await createDxDatabase())
  dx = await source.connect()
  hqClient = await hq.connect()
  const gateway = held.use(await startGateway(hq.url))
  held.use(
    await startInProcessRelay({ databaseUrl: source.url, ingestUrl: gateway.url, secret: SECRET }),
  )
  site = held.use(await startConsole({ HQ_DATABASE_URL: hq.url, DX_DATABASE_URL: source.url }))
  orgId = await insertOrg(dx)
  for (const name of ['one', 'two', 'three'])
    await insertCompany(dx, orgId, { canonical_name: name, enrichment_confidence: 'NaN' })
  await waitFor('the rows to be refused', async () => {
    const { rows } = await dx.query('select from hq_export.dead_letter')
    return rows.length === 3
  })
})

afterAll(() => held.disposeAsync())

async function page(path: string, user = OPERATOR): Promise<string> {
  const answer = await site.get(path, user)
  expect(answer.status, answer.text).toBe(200)
  return answer.text
}

/** Addresses of links that begin so, as a browser would follow them. */
function links(text: string, prefix: string): string[] {
  return [...text.matchAll(/href="([^"]*)"/g)]
    .map(([, href = '']) => href.replaceAll('&amp;', '&'))
    .filter((href) => href.startsWith(prefix))
}

function send(path: string, form: Record<string, string>, user = OPERATOR) {
  return site.post(path, form, user)
}

/** Does something as a browser would: looks at what it would do, and sends the form. */
async function act(path: string, filled: Record<string, string> = {}): Promise<string> {
  const form = { ...formOf(await page(path)), ...filled }
  const answer = await send(`/actions/${new URL(path, site.url).searchParams.get('do')}`, form)
  expect(answer.status, answer.text).toBe(303)
  const [location] = [answer.headers.location].flat()
  return waitFor('the action to end', async () => {
    const text = await page(String(location))
    return !text.includes('under way') && text
  })
}

const CAUSE = `/refused?${new URLSearchParams({
  dataset: COMPANIES,
  code: 'invalid_value',
  pointer: '/row/enrichment_confidence',
})}`

test('complaint 4: many failures of one cause are one line, a row that both sides keep is one, too, and new ones show', async () => {
  const groups = await page('/refused')
  expect(links(groups, '/refused?')).toEqual([CAUSE])
  expect(groups).toMatch(/<td class="number">3<\/td><td class="number">3<\/td><td [^>]*>both/)
  expect(groups).toContain('1 org')
  const rows = await page(CAUSE)
  expect(rows.match(/<tr id="lines-/g)).toHaveLength(3)
  for (const id of ['hq-1', 'dx-1', 'hq-3', 'dx-3'])
    expect(rows).toContain(`<a class="id" href="/refused/${id}">${id}</a>`)
  expect(await page('/refused?code=no_such_code')).toContain('No open row has this cause')

  // What is done to the whole cause closes it; what comes then opens it again, and says since when.
  const group = new URLSearchParams(CAUSE.split('?')[1])
  await act(`/actions/new?do=quarantine.discard&${group}`, { reason: 'a test' })
  await insertCompany(dx, orgId, { canonical_name: 'four', enrichment_confidence: 'NaN' })
  await waitFor('it to be refused', async () => {
    const text = await page('/refused')
    return /1 new<\/span>\s+since <a [^>]*>quarantine\.discard<\/a> by ada/.test(text)
  })
  // The three that are open at the source alone are lines of their own, and say what HQ did.
  const open = await page(CAUSE)
  expect(open.match(/<tr id="lines-hq-/g)).toHaveLength(1)
  expect(open.match(/<tr id="lines-dx-/g)).toHaveLength(3)
  expect(open.match(/discarded<\/span>/g)).toHaveLength(3)
})

test('complaint 3: what becomes of a replay stands at the action and at the row, item by item', async () => {
  const entityId = await insertCompany(dx, orgId, {
    canonical_name: 'replayed',
    enrichment_confidence: 'NaN',
  })
  const letterOf = async () => {
    const { rows } = await dx.query<{ id: string; open: boolean }>(
      `select id::text as id, resolved_at is null as open from hq_export.dead_letter
       where key = $1 order by hq_export.dead_letter.id`,
      [`${orgId}/${entityId}`],
    )
    return rows
  }
  const [letter] = await waitFor('it to be refused', async () => {
    const rows = await letterOf()
    return rows.length === 1 && rows
  })
  const id = letter?.id ?? ''

  // Nothing was corrected: it is sent, and refused once more, which shows.
  const first = await act(`/actions/new?do=dead_letter.replay&id=${id}`)
  expect(first).toMatch(/id="progress">1 done, 0 failed, 0 left/)
  expect(first).toContain(`<a class="id" href="/refused/dx-${id}">dx-${id}</a>`)
  await waitFor('it to be open again', async () => (await letterOf())[0]?.open)
  expect(await page(CAUSE)).toContain('open again after 1 replays')

  await dx.query(
    `update entities.company_entities set enrichment_confidence = 1, record_version = 5
     where entity_id = $1`,
    [entityId],
  )
  await act(`/actions/new?do=dead_letter.replay&id=${id}`)
  const shown = await waitFor('HQ to have the row', async () => {
    const text = await page(`/refused/dx-${id}`)
    return text.includes('HQ has version 5') && text
  })
  expect(shown.match(/<tr id="attempts-/g)).toHaveLength(2)
  const audit = await page('/audit?action=dead_letter.')
  expect(audit.match(/<tr id="audit-dx-/g)).toHaveLength(2)
})

test('values are masked, and are shown to who may see them alone, which is recorded where they are kept', async () => {
  const secret = '<img src=x onerror=alert(1)>\u202e"'
  await insertCompany(dx, orgId, { canonical_name: secret, enrichment_confidence: 'NaN' })
  const { id } = await waitFor('it to be refused', async () => {
    const { rows } = await hqClient.query<{ id: string }>(
      `select id::text as id from ingest.quarantine where row_text like '%onerror%'`,
    )
    return rows[0]
  })
  const path = `/refused/hq-${id}`
  for (const user of [VIEWER, OPERATOR, AUDITOR]) {
    const text = await page(path, user)
    expect(text).not.toContain('onerror')
    expect(text).toContain('<td class="number">31</td><td class="text"><span class="none">masked')
    expect(text.includes('/values"')).toBe(user === AUDITOR)
  }
  const { rows: letters } = await dx.query<{ id: string }>(
    `select id::text as id from hq_export.dead_letter where body like '%onerror%'`,
  )
  const atSource = `/refused/dx-${letters[0]?.id}`
  expect((await send(`${path}/values`, {}, OPERATOR)).status).toBe(403)
  for (const [where, side] of [
    [path, hqClient],
    [atSource, dx],
  ] as const) {
    const answer = await send(`${where}/values`, {}, AUDITOR)
    expect(answer.status).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.text).toContain('&lt;img src=x onerror=alert(1)&gt;')
    expect(answer.text).not.toMatch(/<img|\u202e/)
    const schema = side === dx ? 'hq_export' : 'ingest'
    const { rows } = await side.query(
      `select actor, detail from ${schema}.audit where action = 'values.show'`,
    )
    expect(rows).toEqual([
      {
        actor: 'otto',
        detail: {
          dataset: COMPANIES,
          key: expect.stringContaining(orgId),
          columns: expect.arrayContaining(['canonical_name']),
        },
      },
    ])
    expect(JSON.stringify(rows)).not.toContain('onerror')
  }
})

test('text of a source is text on every page, whatever it is', async () => {
  // Of no use on a page: a right-to-left override, and BEL.
  const unseen = '\u202e\u0007'
  const hostile = `</script><b id="x">&"${unseen}`
  await hqClient.query(
    `insert into ingest.quarantine (source, dataset, schema_version, batch, row_index, key, code,
       pointer, detail, row_text, row_sha256, deleted, xid, captured_at)
     values ('s', $1, 'v1', $1, 0, $1, $1, '/rows/7/row/' || $1, $1, '{}', sha256('x'), false, '1',
       now())`,
    [hostile],
  )
  const groups = await page('/refused')
  const [cause = ''] = links(groups, '/refused?').filter((href) => href.includes('script'))
  const pages = [groups, await page(cause)]
  const [row = ''] = links(pages[1] ?? '', '/refused/hq-')
  const [discard = ''] = links(pages[1] ?? '', '/actions/new?do=quarantine.discard')
  pages.push(await page(row), await page(discard))
  pages.push(await act(discard, { reason: hostile }), await page('/audit'), await page('/actions'))
  for (const text of pages) {
    expect(text).not.toMatch(/<\/script><b|<b id="x"/)
    for (const character of unseen) expect(text).not.toContain(character)
  }
  // Whatever is shown, the form meant the very row.
  await waitFor('the row to be closed', async () =>
    (await page(cause)).includes('No open row has this cause any more'),
  )
})

test('pages of a cause do not overlap while rows arrive', async () => {
  const insert = (first: number, last: number) =>
    hqClient.query(
      `insert into ingest.quarantine (source, dataset, schema_version, batch, row_index, key, code,
         pointer, row_text, row_sha256, deleted, xid, captured_at, last_seen_at)
       select 's', $1, 'v1', 'b', 0, i::text, 'row_too_large', '/rows/0/row', '{}',
         sha256(i::text::bytea), false, '1', now(), now() + make_interval(secs => i)
       from generate_series($2::int, $3) i`,
      [COMPANIES, first, last],
    )
  await insert(1, 120)
  const keys: string[] = []
  let next: string | undefined = `/refused?dataset=${COMPANIES}&code=row_too_large&pointer=%2Frow`
  for (let pages = 0; next !== undefined && pages < 9; pages++) {
    const text = await page(next)
    keys.push(
      ...[...text.matchAll(/<a href="\/refused\/hq-\d+">(\d+)<\/a>/g)].map(([, key = '']) => key),
    )
    next = links(text, '/refused?').find((href) => href.includes('hq='))
    await insert(1_000 + pages, 1_000 + pages)
  }
  expect(keys).toEqual(Array.from({ length: 120 }, (_, place) => String(120 - place)))
})
