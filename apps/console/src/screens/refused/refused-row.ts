import { parseTraceparent } from '@hq-export/contract'
import { showEntry } from '@hq-export/hq-ingest/quarantine/show-entry.ts'
import { showDeadLetter } from '@hq-export/outbox-relay/dead-letter/show-dead-letter.ts'
import type pg from 'pg'
import { SIDE_NAMES, type SideName } from '../../actions/action.ts'
import { recordAudit } from '../../actions/record-audit.ts'
import { attempt } from '../../db/attempt.ts'
import type { Reading } from '../../db/side.ts'
import { changeForm } from '../../page/form.ts'
import type { FormAction } from '../../page/form-action.ts'
import { href } from '../../page/href.ts'
import { type Content, html, NOTHING } from '../../page/html.ts'
import { absence, panel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { badge, count, moment } from '../../page/text.ts'
import { isTraceId, traceAddress } from '../../page/trace-link.ts'
import { actionHref, nameOf, refusal } from '../actions/kinds/kind.ts'
import { causeHref, codeLink, whatToDo, whoActs } from './cause.ts'
import { findEntries, findLetters, type Trait } from './match-sides.ts'
import { type Attempt, readHistory } from './read-history.ts'
import { type RowState, readRowState } from './read-row-state.ts'
import { type MaskedValue, readShape, readValues, type ShownRow } from './read-row-text.ts'
import { lineActions } from './show-lines.ts'

const ID_PATTERN = /^(hq|dx)-([1-9]\d{0,17})$/

/** What a refused row is to both sides, whichever of them tells it. */
interface Common extends Trait {
  readonly code: string
  /** Without the place in the batch. */
  readonly pointer: string
  readonly detail: string | null
  readonly isOpen: boolean
  readonly source: string | null
  readonly traceId: string | null
  /** Everything else that the side keeps, by name. */
  readonly facts: readonly (readonly [string, Content])[]
}

interface SideRow {
  readonly row: Common
  readonly shape: readonly MaskedValue[] | undefined
  readonly history: readonly Attempt[]
}

function yesNo(value: unknown): string {
  return value === true ? 'yes' : 'no'
}

function resolutionOf(word: string | null, at: string | null): Content {
  if (word === null) return badge('bad', 'open')
  return html`${badge(word === 'discarded' ? 'unknown' : 'good', word)} ${moment(at)}`
}

/** Text of an entry's column; null where there is none. */
function text(value: string | number | boolean | null | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

/** As the writer sees it, for the size of the row and its shape; no value is read. */
async function readEntry(client: pg.ClientBase, id: string): Promise<SideRow | undefined> {
  const entry = await showEntry(client, id, false)
  if (entry === undefined) return undefined
  const row: Common = {
    ...{ id, dataset: text(entry.dataset) ?? '', key: text(entry.key) },
    ...{ batch: text(entry.batch), sha256: text(entry.rowSha256), source: text(entry.source) },
    code: text(entry.reason) ?? '',
    pointer: (text(entry.pointer) ?? '').replace(/^\/rows\/\d+/, ''),
    detail: text(entry.detail),
    isOpen: entry.resolution === null,
    traceId: text(entry.traceId) ?? traceIdOf(text(entry.traceparent)),
    facts: [
      ['state', resolutionOf(text(entry.resolution), text(entry.resolvedAt))],
      ['by', text(entry.resolvedBy) ?? '-'],
      ['note', text(entry.resolutionNote) ?? '-'],
      ['refused first', moment(text(entry.firstSeenAt))],
      ['refused last', moment(text(entry.lastSeenAt))],
      ['refused', `${count(Number(entry.seenCount))} times`],
      ['org', text(entry.orgId) ?? '-'],
      ['its key may write the org', yesNo(entry.orgAllowed)],
      ['last state of a deleted entity', yesNo(entry.deleted)],
      ['schema version', text(entry.schemaVersion)],
      ['captured', moment(text(entry.capturedAt))],
      ['transaction', text(entry.xid)],
      ['place in the batch', text(entry.rowIndex)],
      ['bytes', count(entry.rowBytes)],
      ['SHA-256 of the row', text(entry.rowSha256)],
    ],
  }
  return {
    row,
    shape: await readShape(client, 'hq', id),
    history: await readHistory(client, 'hq', id),
  }
}

const BODY_SHA256 = `
  select pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(d.body, 'UTF8')), 'hex')
      as sha256,
    pg_catalog.encode(d.fingerprint, 'hex') as fingerprint
  from hq_export.dead_letter as d where d.id = $1::bigint`

async function readLetter(client: pg.ClientBase, id: string): Promise<SideRow | undefined> {
  const letter = await showDeadLetter(client, id, false)
  if (letter === undefined) return undefined
  const hashes = (
    await client.query<{ sha256: string | null; fingerprint: string }>(BODY_SHA256, [id])
  ).rows[0]
  const row: Common = {
    ...{ id, dataset: letter.dataset, key: letter.key, batch: letter.batch },
    ...{ sha256: hashes?.sha256 ?? null, source: null },
    ...{ code: letter.reason, pointer: letter.pointer, detail: letter.detail },
    isOpen: letter.resolution === null,
    traceId: traceIdOf(letter.traceparent),
    facts: [
      ['state', resolutionOf(letter.resolution, letter.resolved_at)],
      ['note', letter.note ?? '-'],
      ['failed first', moment(letter.first_failed_at)],
      ['failed last', moment(letter.last_failed_at)],
      ['attempts', count(letter.attempts)],
      ['sent again', `${count(letter.replay_count)} times`],
      ['last state of a deleted entity', yesNo(letter.deleted)],
      ['captured', moment(letter.captured_at)],
      ['transaction', letter.xid],
      ['bytes', letter.body_bytes === null ? 'none was kept' : count(letter.body_bytes)],
      ['SHA-256 of the row', hashes?.sha256 ?? '-'],
      ['fingerprint of key and row', hashes?.fingerprint ?? '-'],
    ],
  }
  return {
    row,
    shape: letter.body_bytes === null ? undefined : await readShape(client, 'dx', id),
    history: await readHistory(client, 'dx', id),
  }
}

function traceIdOf(traceparent: string | null): string | null {
  return parseTraceparent(traceparent)?.traceId ?? null
}

function traceLink({ traceId }: Common, { jaegerUrl }: PageRequest): Content {
  if (traceId === null || !isTraceId(traceId)) return '-'
  const address = traceAddress(jaegerUrl, traceId)
  if (address === undefined) return html`${traceId} (set CONSOLE_JAEGER_URL to open it)`
  return html`<a href="${address}" rel="noreferrer">${traceId}</a>`
}

function batchLink({ batch, source }: Common): Content {
  if (batch === null) return 'it never left'
  return source === null
    ? batch
    : html`<a href="${href(['batches', source, batch])}">${batch}</a> of ${source}`
}

function inHqNow(reading: Reading<RowState | undefined>): Content {
  if (reading.state !== 'read') return absence(reading)
  const { value } = reading
  if (value === undefined) return 'HQ has no row of this key'
  const { version, deletedAt, ingestedAt, batch } = value
  const words = version === null ? 'HQ has the row' : `HQ has version ${version}`
  const gone = deletedAt === null ? NOTHING : html`, deleted ${moment(deletedAt)}`
  return html`${words}${gone}, of ${moment(ingestedAt)}, batch ${batch}`
}

function showShape(side: SideName, id: string, found: SideRow, request: PageRequest): Content {
  const { actor, isReadOnly } = request
  const mayShow = actor.seesValues && !isReadOnly
  const masked =
    found.shape === undefined
      ? html`<p class="empty">No row is kept that could be described.</p>`
      : table({
          id: 'shape',
          caption: 'Columns of the row as it was sent; values are not shown',
          rows: found.shape,
          rowId: ({ column }) => column,
          empty: 'The row has no column.',
          columns: [
            { title: 'column', show: ({ column }) => column },
            { title: 'type', show: ({ type }) => type },
            { title: 'length', isNumber: true, show: ({ length }) => count(length) },
            { title: 'value', show: () => html`<span class="none">masked</span>` },
          ],
        })
  return panel(
    { id: 'row-values', title: `Values, as ${SIDE_NAMES[side]} keeps them` },
    html`${masked}${
      mayShow
        ? changeForm({
            id: 'reveal',
            action: href(['refused', `${side}-${id}`, 'values']),
            hidden: [],
            button: 'Show values; it is recorded who saw them',
          })
        : html`<p class="none">Values are shown to who has the right +values, and each look is
recorded.</p>`
    }`,
  )
}

function showHistory(histories: readonly Attempt[]): Content {
  return panel(
    { id: 'history', title: 'What was done about it' },
    table({
      id: 'attempts',
      caption: 'Actions of the console that this row went through, the newest first',
      rows: histories,
      rowId: ({ id }) => id,
      empty: 'None. What a command did stands in the facts above and in the audit.',
      columns: [
        { title: 'action', show: ({ id, kind }) => html`<a href="${actionHref(id)}">${kind}</a>` },
        { title: 'outcome', show: ({ outcome }) => outcome },
        { title: 'reason', show: ({ reason }) => reason ?? '-' },
        { title: 'who', show: ({ actor }) => actor },
        { title: 'when', show: ({ at }) => moment(at) },
      ],
    }),
  )
}

function sidePanel(side: SideName, reading: Reading<SideRow | undefined>): Content {
  const options = { id: `side-${side}`, title: side === 'hq' ? 'In HQ' : 'At the source' }
  if (reading.state !== 'read') return panel(options, absence(reading))
  const found = reading.value
  if (found === undefined) {
    const why =
      side === 'hq'
        ? 'HQ keeps nothing of it: it never got there, or was decided there.'
        : 'The source keeps nothing of it: it was decided there, or another source sent it.'
    return panel(options, html`<p class="empty">${why}</p>`)
  }
  return panel(
    options,
    facts(`facts-${side}`, [['number', `${side}-${found.row.id}`], ...found.row.facts]),
  )
}

async function readBothSides(request: PageRequest, side: SideName, id: string) {
  const { hq, hqRows, dx } = request
  const read = { hq: readEntry, dx: readLetter }
  const rows = { hq: hqRows, dx }
  const own = await rows[side].read((client) => read[side](client, id))
  if (own.state !== 'read' || own.value === undefined) return { own, sides: undefined }
  const { row } = own.value
  const other = side === 'hq' ? 'dx' : 'hq'
  const match = side === 'hq' ? findLetters : findEntries
  const found = await (side === 'hq' ? dx : hq).read(async (client) => {
    return (await match(client, [row])).get(id)?.id
  })
  const counterpart: Reading<SideRow | undefined> =
    found.state !== 'read'
      ? found
      : found.value === undefined
        ? { state: 'read', value: undefined }
        : await rows[other].read((client) => read[other](client, found.value ?? ''))
  return {
    own,
    sides: side === 'hq' ? { hq: own, dx: counterpart } : { hq: counterpart, dx: own },
  }
}

function sideRowOf(reading: Reading<SideRow | undefined>): SideRow | undefined {
  return reading.state === 'read' ? reading.value : undefined
}

const NOT_FOUND = refusal(
  404,
  'No such row',
  'No refused row has this number: hq-1 is one of HQ, dx-1 one of data-engine-x.',
)

async function showRow(request: PageRequest): Promise<Page> {
  const [, sideName, id] = ID_PATTERN.exec(request.params.id ?? '') ?? []
  if (id === undefined) return NOT_FOUND
  const side: SideName = sideName === 'hq' ? 'hq' : 'dx'
  const { own, sides } = await readBothSides(request, side, id)
  if (own.state !== 'read') return { title: 'Refused row', content: absence(own) }
  if (own.value === undefined || sides === undefined) return NOT_FOUND
  const { row } = own.value
  const [inHq, atSource] = [sideRowOf(sides.hq), sideRowOf(sides.dx)]
  // HQ says the source and the place, the source may not.
  const told = inHq?.row ?? row
  const cause = { dataset: told.dataset, code: told.code, pointer: told.pointer }
  const { key } = told
  const now =
    key === null
      ? 'the row has no valid key, so HQ cannot have it'
      : inHqNow(await request.hqRows.read((client) => readRowState(client, told.dataset, key)))
  const isOpen = inHq?.row.isOpen === true || atSource?.row.isOpen === true
  const shown = inHq === undefined ? ('dx' as const) : ('hq' as const)
  const shownRow = inHq ?? own.value
  const actionIds = { hq: inHq?.row.id, dx: atSource?.row.id }
  return {
    title: `Refused row ${side}-${id}`,
    sentence: html`${isOpen ? badge('bad', 'open') : badge('good', 'dealt with')}
${told.detail ?? told.code}`,
    content: html`${panel(
      { id: 'why', title: 'Why, and who must act' },
      html`${facts('why-facts', [
        ['code', codeLink(told.code)],
        ['rule that was broken', told.detail ?? 'nobody says'],
        ['who must act', whoActs(told.code)],
        ['place', told.pointer === '' ? 'nobody says' : told.pointer],
        ['dataset', html`<a href="${href(['datasets', told.dataset])}">${told.dataset}</a>`],
        [
          'key',
          key === null
            ? 'none that is valid'
            : html`<a href="${href(['row'], { dataset: told.dataset, key })}">${key}</a>`,
        ],
        ['in HQ now', now],
        ['batch', batchLink(told)],
        ['trace', traceLink(told, request)],
        ['others of this cause', html`<a href="${causeHref(cause)}">all of them</a>`],
      ])}${isOpen ? html`${whatToDo(told.code)}${lineActions(actionIds, request)}` : NOTHING}`,
    )}
${sidePanel('hq', sides.hq)}
${sidePanel('dx', sides.dx)}
${showShape(shown, shownRow.row.id, shownRow, request)}
${showHistory([...(inHq?.history ?? []), ...(atSource?.history ?? [])])}`,
  }
}

/** One refused row, whatever both sides keep of it; its values are masked. */
export const refusedRow: Screen = { path: '/refused/:id', show: showRow }

const COLUMNS_ON_RECORD = 200

function columnsOf(row: ShownRow): string[] {
  return 'values' in row
    ? row.values.map(({ column }) => column).slice(0, COLUMNS_ON_RECORD)
    : ['the text as a whole']
}

async function readKey(client: pg.ClientBase, side: SideName, id: string) {
  const table = side === 'hq' ? 'ingest.quarantine' : 'hq_export.dead_letter'
  const { rows } = await client.query<{ dataset: string; key: string | null }>(
    `select r.dataset, r.key from ${table} as r where r.id = $1::bigint`,
    [id],
  )
  return rows[0]
}

/** Shows the values of a row, and records who saw them, in one transaction. */
export const revealForm: FormAction = {
  path: '/refused/:id/values',
  role: 'viewer',
  needsValues: true,
  submit: async (request) => {
    const name = request.params.id ?? ''
    const [, sideName, id] = ID_PATTERN.exec(name) ?? []
    if (id === undefined) return NOT_FOUND
    const side: SideName = sideName === 'hq' ? 'hq' : 'dx'
    const read = await attempt(request.changes[side], async (client) => {
      const known = await readKey(client, side, id)
      if (known === undefined) return undefined
      const row = await readValues(client, side, id)
      await recordAudit(client, side, {
        actor: nameOf(request.actor),
        action: 'values.show',
        subject: side === 'hq' ? `quarantine ${id}` : `dead letter ${id}`,
        detail: { ...known, columns: columnsOf(row) },
      })
      return row
    })
    if ('unreachable' in read) return refusal(503, 'Not shown', `${read.unreachable}.`)
    const { value: row } = read
    if (row === undefined) return NOT_FOUND
    const content =
      'values' in row
        ? table({
            id: 'values',
            caption: 'Values as they were sent, as JSON',
            rows: row.values,
            rowId: ({ column }) => column,
            empty: 'The row has no column.',
            columns: [
              { title: 'column', show: ({ column }) => column },
              { title: 'value', show: ({ value }) => html`<code>${value}</code>` },
            ],
          })
        : html`<pre><code>${row.text ?? 'No row was kept.'}</code></pre>`
    return {
      title: `Values of ${name}`,
      sentence: `It is on record that ${nameOf(request.actor)} saw them.`,
      content: html`${content}<p><a href="${href(['refused', name])}">Back, without values</a></p>`,
    }
  },
}
