import { OUTCOMES } from '@hq-export/contract'
import {
  type BackfillRecord,
  type BackfillState,
  listBackfillsIn,
} from '@hq-export/outbox-relay/backfill/backfill-record.ts'
import { backfillFacts } from '@hq-export/outbox-relay/backfill/cli/describe-backfill.ts'
import { hasLeader } from '@hq-export/outbox-relay/session/lead.ts'
import type pg from 'pg'
import { actionLink } from '../../page/action-link.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html, NOTHING } from '../../page/html.ts'
import { malformed } from '../../page/malformed.ts'
import { readPanel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { badge, commandLine, count, duration, moment, type Tone } from '../../page/text.ts'

const TITLE = 'Backfills'
const PAGE_ROWS = 50
const MAX_ID_DIGITS = 18

const OPEN: readonly BackfillState[] = ['running', 'paused', 'failed']
const OVER: readonly BackfillState[] = ['completed', 'canceled']
const TONES: Readonly<Record<BackfillState, Tone>> = {
  running: 'good',
  paused: 'warn',
  failed: 'bad',
  canceled: 'unknown',
  completed: 'good',
}

interface BackfillPage {
  /** Not over; the first of them. */
  readonly open: readonly BackfillRecord[]
  readonly over: readonly BackfillRecord[]
  readonly hasMore: boolean
  /** A relay works on what runs. */
  readonly isLed: boolean
}

async function readPage(client: pg.ClientBase, before: string | undefined): Promise<BackfillPage> {
  const open = await listBackfillsIn(client, OPEN, { limit: PAGE_ROWS })
  const over = await listBackfillsIn(client, OVER, {
    before: before ?? null,
    limit: PAGE_ROWS + 1,
  })
  return {
    open,
    over: over.slice(0, PAGE_ROWS),
    hasMore: over.length > PAGE_ROWS,
    isLed: await hasLeader(client),
  }
}

function whatOf({ selection }: BackfillRecord): Content {
  const { dataset, since, until, orgId } = selection
  const limits = [
    since === null ? '' : `since ${since}`,
    until === null ? '' : `until ${until}`,
    orgId === null ? '' : `of org ${orgId}`,
  ].filter((part) => part !== '')
  return `${dataset ?? 'every bound dataset'}${limits.length === 0 ? '' : `, ${limits.join(', ')}`}`
}

/** How far it is: a share that is not whole before it is, and in words. */
function doneOf(record: BackfillRecord): Html {
  const { state, scanned, estimated } = backfillFacts(record)
  const words =
    state === 'completed'
      ? `${count(scanned)} rows`
      : `${count(scanned)} of about ${count(estimated)} rows`
  const percent = Math.min(99, Math.floor((100 * scanned) / Math.max(1, estimated)))
  if (state === 'completed') return html`${words}`
  return html`<progress max="100" value="${percent}" aria-label="progress of backfill ${record.id}">${percent} %</progress> ${percent} %, ${words}`
}

/** Rows looked at a second, over the time in which somebody worked on it. */
function rateOf(record: BackfillRecord): number | undefined {
  const { scanned, active_s: seconds } = backfillFacts(record)
  return seconds > 0 && scanned > 0 ? scanned / seconds : undefined
}

function rateText(record: BackfillRecord): string {
  const rate = rateOf(record)
  return rate === undefined ? 'not known yet' : `${count(Math.max(1, Math.round(rate)))} rows/s`
}

function leftText(record: BackfillRecord, isLed: boolean): Content {
  const { state, scanned, estimated } = backfillFacts(record)
  if (state === 'paused') return 'paused'
  if (state === 'failed') return 'failed'
  if (!isLed) return html`${badge('warn', 'nobody works on it')} no relay leads; a command may`
  const rate = rateOf(record)
  return rate === undefined
    ? 'not known yet'
    : `about ${duration(Math.max(1_000, ((estimated - scanned) / rate) * 1_000))}`
}

function outcomeText(record: BackfillRecord): string {
  const { counts, refused } = backfillFacts(record)
  const parts = OUTCOMES.filter((outcome) => counts[outcome] > 0).map(
    (outcome) => `${count(counts[outcome])} ${outcome}`,
  )
  return [...parts, ...(refused === 0 ? [] : [`${count(refused)} dead letters`])].join(', ')
}

function actionsFor(request: PageRequest, { id, state }: BackfillRecord): Html {
  const link = (verb: string, title: string) =>
    actionLink(request, 'operator', title, { do: `backfill.${verb}`, id })
  if (state === 'running') return html`${link('pause', 'Pause')} ${link('cancel', 'Cancel')}`
  if (state === 'paused' || state === 'failed')
    return html`${link('resume', 'Resume')} ${link('cancel', 'Cancel')}`
  return NOTHING
}

function passes(record: BackfillRecord): Html {
  const { passes } = backfillFacts(record)
  return html`<details id="passes-${record.id}"><summary>by pass</summary><ul>${passes.map(
    ({ dataset, kind, done, scanned, estimated }) =>
      html`<li>${dataset}, ${kind}: ${done ? `done, ${count(scanned)} rows` : `${count(scanned)} of about ${count(estimated)}`}</li>`,
  )}</ul></details>`
}

function underWay(request: PageRequest, { open, isLed }: BackfillPage): Html {
  return table<BackfillRecord>({
    id: 'under-way',
    caption: 'Backfills that are not over',
    rows: open,
    rowId: ({ id }) => id,
    empty: 'No backfill is under way. One that runs would stand here with its progress.',
    columns: [
      { title: 'backfill', isNumber: true, show: ({ id }) => id },
      {
        title: 'state',
        show: ({ state, reason }) => html`${badge(TONES[state], state)} ${reason}`,
      },
      { title: 'what', show: whatOf },
      { title: 'done', show: (record) => html`${doneOf(record)}${passes(record)}` },
      { title: 'rate', show: rateText },
      { title: 'left', show: (record) => leftText(record, isLed) },
      { title: 'HQ said', show: outcomeText },
      { title: 'moved (UTC)', show: ({ updatedAt }) => moment(updatedAt) },
      { title: 'do', show: (record) => actionsFor(request, record) },
    ],
  })
}

function ended({ over, hasMore }: BackfillPage): Html {
  const last = over.at(-1)
  return html`${table<BackfillRecord>({
    id: 'over',
    caption: 'Backfills that are over, the newest first',
    rows: over,
    rowId: ({ id }) => id,
    empty:
      'No backfill has ended here. What one did would stand here, for as long as the schema does.',
    columns: [
      { title: 'backfill', isNumber: true, show: ({ id }) => id },
      {
        title: 'state',
        show: ({ state, reason }) => html`${badge(TONES[state], state)} ${reason}`,
      },
      { title: 'what', show: whatOf },
      { title: 'looked at', show: doneOf },
      { title: 'rate', show: rateText },
      { title: 'HQ said', show: outcomeText },
      { title: 'asked for (UTC)', show: ({ requestedAt }) => moment(requestedAt) },
      { title: 'ended (UTC)', show: ({ finishedAt }) => moment(finishedAt) },
    ],
  })}
${hasMore && last !== undefined ? html`<p id="older"><a href="${href(['backfills'], { before: last.id })}" rel="next">Older</a></p>` : NOTHING}`
}

async function show(request: PageRequest): Promise<Page> {
  const before = request.query.get('before')?.trim() || undefined
  if (before !== undefined && !(/^\d+$/.test(before) && before.length <= MAX_ID_DIGITS))
    return malformed(TITLE, 'a page begins below the number of a backfill')
  const reading = await request.dx.read((client) => readPage(client, before))
  return {
    title: TITLE,
    content: html`${actionLink(request, 'operator', 'Start a backfill', { do: 'backfill.start' })}
${readPanel({ id: 'running', title: 'Under way' }, reading, (page) => underWay(request, page))}
${readPanel({ id: 'done', title: 'Over' }, reading, ended)}
${commandLine('npm run relay -- backfill')}`,
  }
}

/** Backfills: how far they are, how fast, and how long they will take. */
export const backfills: Screen = { path: '/backfills', nav: { title: 'Backfills', key: 'f' }, show }
