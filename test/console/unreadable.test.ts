import { randomUUID } from 'node:crypto'
import { failed } from '@hq-export/hq-ingest/quality/verdict.ts'
import { beginPass } from '@hq-export/outbox-relay/backfill/progress.ts'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import { fillConsole } from '../support/console/fill-console.ts'
import { createDxDatabase, createHqDatabase } from '../support/servers/databases.ts'

/*
 * Records that another release has written, or a hand: a page says so, and shows the rest.
 */

const DATASET = 'dx_company_entities_v1'
const SOURCE = 'data-engine-x'
const HUGE = 'x'.repeat(1_500_000)
const MAX_PAGE = 1_000_000

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const held = new AsyncDisposableStack()
let hq: pg.Client
let dx: pg.Client
let both: ConsoleSite
let hqAlone: ConsoleSite
let run: string
const action = randomUUID()

beforeAll(async () => {
  const hqDatabase = held.use(await createHqDatabase())
  const dxDatabase = held.use(await createDxDatabase())
  ;[hq, dx] = [await hqDatabase.connect(), await dxDatabase.connect()]
  const urls = { HQ_DATABASE_URL: hqDatabase.url, DX_DATABASE_URL: dxDatabase.url }
  both = held.use(await ConsoleSite.start(urls))
  hqAlone = held.use(await ConsoleSite.start({ HQ_DATABASE_URL: hqDatabase.url }))
  run = (await fillConsole(hq, dx, 'text')).run
  const measured = { check: 'null_rate', metric: 'share', value: 1, rows: 3 }
  const worst = [{ what: 'column', name: 'a', count: 2, of: 3, usual: null }]
  const verdicts = [failed({ ...measured, worst }, 'drift', 'warn')]
  await hq.query(
    `insert into ingest.quality_report (day, source, dataset, profile, verdicts)
     values (now()::date - 1, $1, $2, '{}', $3)`,
    [SOURCE, DATASET, JSON.stringify(verdicts)],
  )
  await hq.query(
    `insert into ingest.minute (source, dataset, minute, batches, profile)
     values ($1, $2, date_trunc('minute', now()), 1, $3)`,
    [SOURCE, DATASET, { rows: 3, inserted: 3, nulls: { a: 1 }, delays: { 1: 3 } }],
  )
  const passes = [beginPass({ kind: 'rows', dataset: DATASET, snapshots: 'none' }, 9)]
  await dx.query('update hq_export.backfill set progress = $1', [{ passes, activeMs: 5 }])
  const finding = { dataset: DATASET, key: 'a', org_id: null, class: 'missing', columns: [] }
  const rest = { source_version: '2', hq_version: null, reason: 'why', repair: 'none' }
  const findings = JSON.stringify([{ ...finding, ...rest }])
  const spent = { sourceSeconds: 1, fenceSeconds: 0, hqSeconds: 1, dirtyBuckets: 1, rechecked: 1 }
  const cost = { dataset: DATASET, capReached: false, oldestRangeSeconds: 3, ranges: 1, ...spent }
  await dx.query('update hq_export.reconciliation set findings = $1, cost = $2', [
    findings,
    JSON.stringify([cost]),
  ])
  await hq.query(
    `insert into ingest.action (id, kind, actor, state, selection, through, finished_at)
     values ($1, 'quarantine.replay', 'ada', 'done', $2, 0, now())`,
    [action, { dataset: DATASET, reason: 'invalid_value', pointer: '/row/a' }],
  )
})
afterAll(() => held.disposeAsync())

/** Where a record is kept, and which pages show it. */
interface Kept {
  readonly what: string
  readonly side: 'hq' | 'dx'
  readonly table: string
  readonly column: string
  /** Of HQ, what stands at the source, too, is read there where it is connected. */
  readonly site?: 'hq alone'
  readonly pages: () => readonly string[]
}

const KEPT: readonly Kept[] = [
  ...(['run', 'findings', 'cost', 'request'] as const).map(
    (column): Kept => ({
      ...{ what: `${column} of a comparison`, side: 'dx', table: 'hq_export.reconciliation' },
      ...{ column, pages: () => ['/', '/verify', `/verify/${run}`, `/verify/${run}/report`] },
    }),
  ),
  {
    ...{ what: 'a backfill', side: 'dx', table: 'hq_export.backfill', column: 'progress' },
    pages: () => ['/', '/backfills'],
  },
  {
    ...{ what: 'a comparison that HQ was told', side: 'hq', table: 'ingest.reconciliation' },
    ...{ column: 'datasets', site: 'hq alone' },
    pages: () => ['/', '/verify', `/verify/${run}`, `/datasets/${DATASET}`],
  },
  {
    ...{ what: 'an incident', side: 'hq', table: 'ingest.incident', column: 'evidence' },
    pages: () => ['/', '/quality', `/datasets/${DATASET}`],
  },
  {
    ...{ what: 'the report of a day', side: 'hq', table: 'ingest.quality_report' },
    ...{ column: 'verdicts', pages: () => ['/quality', `/datasets/${DATASET}`] },
  },
  {
    ...{ what: 'a minute', side: 'hq', table: 'ingest.minute', column: 'profile' },
    pages: () => ['/', '/quality', `/datasets/${DATASET}`],
  },
  {
    ...{ what: 'a batch', side: 'hq', table: 'ingest.batch', column: 'answer' },
    pages: () => ['/batches', `/batches/${SOURCE}/batch%201text`],
  },
  {
    ...{ what: 'an action', side: 'hq', table: 'ingest.action', column: 'selection' },
    pages: () => ['/actions', `/actions/${action}`, '/refused'],
  },
]

/** The value with each of its parts replaced, one at a time; undefined takes the part away. */
function* variations(
  value: Json,
  change: (part: Json) => Json | undefined,
): Generator<Json | undefined> {
  yield change(value)
  if (Array.isArray(value)) {
    for (const first of variations(value[0] ?? null, change)) {
      yield [...(first === undefined ? [] : [first]), ...value.slice(1)]
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, part] of Object.entries(value)) {
      for (const changed of variations(part, change)) {
        const { [name]: _, ...others } = value
        yield changed === undefined ? others : { ...others, [name]: changed }
      }
    }
  }
}

/** What a release of tomorrow adds, everywhere but in counts by name. */
function withMore(value: Json): Json {
  if (Array.isArray(value)) return value.map(withMore)
  if (typeof value !== 'object' || value === null) return value
  const parts = Object.entries(value).map(([name, part]) => [name, withMore(part)])
  const isNamed = Object.values(value).some((part) => part === null || typeof part === 'string')
  return { ...Object.fromEntries(parts), ...(isNamed && { of_tomorrow: { a: [1] } }) }
}

let asked = 0
async function look({ site }: Kept, path: string) {
  const separator = path.includes('?') ? '&' : '?'
  const { status, text } = await (site === undefined ? both : hqAlone).get(
    `${path}${separator}n=${asked++}`,
  )
  return { status, size: text.length, isAbsent: text.includes('data-state="unreadable"'), text }
}

describe.each(KEPT)('$what', (kept) => {
  const { side, table, column, pages } = kept

  async function plant(value: Json): Promise<void> {
    const client = side === 'hq' ? hq : dx
    await client.query(`update ${table} set ${column} = $1::jsonb`, [JSON.stringify(value)])
  }

  /** Plants each, and looks at one page of those that show it, in turn. */
  async function plantEach(
    values: Iterable<Json | undefined>,
    check: (found: Awaited<ReturnType<typeof look>>, what: string) => void,
  ): Promise<void> {
    const paths = pages()
    let turn = 0
    for (const value of values) {
      if (value === undefined) continue
      await plant(value)
      const path = paths[turn++ % paths.length] ?? '/'
      check(await look(kept, path), `${path} with ${JSON.stringify(value).slice(0, 1_000)}`)
    }
  }

  test('that this release cannot read says so, with what to do; one with more in it is read', async () => {
    const client = side === 'hq' ? hq : dx
    const { rows } = await client.query<{ value: Json }>(
      `select ${column} as value from ${table} limit 1`,
    )
    const good = rows[0]?.value ?? null
    try {
      for (const known of [good, withMore(good)]) {
        await plant(known)
        for (const path of pages()) expect((await look(kept, path)).isAbsent, path).toBe(false)
      }
      const changes: readonly ((part: Json) => Json | undefined)[] = [
        () => undefined,
        (part) => (typeof part === 'string' ? 'of tomorrow' : 7),
        (part) => (typeof part === 'number' ? 'many' : null),
      ]
      let turn = 0
      const inTurn = (part: Json) => changes[turn++ % changes.length]?.(part)
      await plantEach(variations(good, inTurn), ({ status, isAbsent, text }, what) => {
        expect([200, 404], what).toContain(status)
        if (isAbsent) expect(text, what).toMatch(/data-state="unreadable".*Run that release/s)
      })
      const huge = variations(good, (part) => (typeof part === 'string' ? HUGE : undefined))
      await plantEach(
        huge.filter((value) => value !== undefined).take(4),
        ({ status, size }, what) => {
          expect([status, size < MAX_PAGE], what).toStrictEqual([200, true])
        },
      )
    } finally {
      await plant(good)
    }
  })
})
