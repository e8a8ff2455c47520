import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import pg from 'pg'
import { expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import { createDxDatabase } from '../support/servers/databases.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

const KEY = '00000000-0000-4000-8000-000000000000'
const PATHS = [
  `/row?dataset=dx_operation_runs_v1&key=${KEY}`,
  '/batches',
  '/batches/a/b',
  '/sources',
  '/keys',
  '/about',
]

test('HQ is stopped and started again: each page says so, shows the source, and recovers by itself', async () => {
  await using server = await startOwnServer('console')
  await using dx = await createDxDatabase()
  await hqMigrations.apply(server.cluster.url())
  await using site = await ConsoleSite.start({
    HQ_DATABASE_URL: server.cluster.url(),
    DX_DATABASE_URL: dx.url,
  })
  let asked = 0
  const ask = (path: string) => site.get(`${path}${path.includes('?') ? '&' : '?'}n=${asked++}`)
  const holder = new pg.Client({ connectionString: server.cluster.url() })
  holder.on('error', () => {})
  await holder.connect()
  for (const path of PATHS) expect((await ask(path)).text).not.toContain('data-state=')

  // A migration holds the ledger: no defect of the page, and not for ever.
  await holder.query('begin; lock table ingest.batch in access exclusive mode')
  const locked = await ask('/batches')
  expect([locked.status, locked.text.includes('data-state="too slow"')]).toEqual([200, true])

  // These wait for the lock when the server goes.
  const underWay = [ask('/batches'), ask('/batches?source=a'), ask('/batches/a/b')]
  await server.cluster.halt()
  for (const { status, text } of await Promise.all(underWay)) {
    expect(status).toBe(200)
    expect(text).toMatch(/data-state="(?:unreachable|too slow)"/)
  }
  for (const path of [...PATHS, '/doctor']) {
    const { status, text } = await ask(path)
    expect(status, path).toBe(200)
    expect(text, path).toContain('data-state="unreachable"')
    expect(text, path).toMatch(/HQ (?:does not answer|has ended|is starting)/)
  }
  expect((await ask('/sources')).text).toContain('no relay leads')
  expect((await ask(PATHS[0] ?? '')).text).toContain(
    'The source does not have it; HQ does not answer',
  )

  await server.cluster.resume()
  await waitFor('each page to show HQ again', async () => {
    const pages = await Promise.all(PATHS.map(ask))
    return pages.every(({ text }) => !text.includes('data-state='))
  })
})
