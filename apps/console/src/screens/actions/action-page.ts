import type pg from 'pg'
import { isAtLeast } from '../../access/actor.ts'
import {
  ACTION_ID_PATTERN,
  type ActionRecord,
  type ItemOutcome,
  readAction,
  readOutcomes,
  SIDE_NAMES,
  type SideName,
  stopAction,
} from '../../actions/action.ts'
import { recordAudit } from '../../actions/record-audit.ts'
import { refusedRows, refusedSelectionSchema } from '../../actions/refused-selection.ts'
import { attempt } from '../../db/attempt.ts'
import type { Reading } from '../../db/side.ts'
import { changeForm, choices } from '../../page/form.ts'
import type { FormAction } from '../../page/form-action.ts'
import { href } from '../../page/href.ts'
import { type Content, html } from '../../page/html.ts'
import { absence, panel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { COUNT_LIMIT, cappedCount, count, moment } from '../../page/text.ts'
import { actionState } from './actions.ts'
import { actionHref, goOn, nameOf, refusal } from './kinds/kind.ts'
import { KINDS } from './kinds/kinds.ts'
import { describeSelection } from './kinds/selection-query.ts'

const PAGE_ITEMS = 100
/** What the list can be narrowed to. */
const OUTCOMES = ['', 'failed', 'done']

interface ShownAction {
  readonly action: ActionRecord
  readonly outcomes: readonly ItemOutcome[]
  /** At most one more than is counted; undefined where it cannot be told. */
  readonly left: number | undefined
}

function isOfRefusedRows({ kind }: ActionRecord): boolean {
  return kind.startsWith('quarantine.') || kind.startsWith('dead_letter.')
}

async function countLeft(client: pg.ClientBase, action: ActionRecord): Promise<number | undefined> {
  if (action.state === 'done') return 0
  if (!isOfRefusedRows(action)) return undefined
  const { side, selection, position, through } = action
  const { from, alias, text, values } = refusedRows(side, refusedSelectionSchema.parse(selection))
  const { rows } = await client.query<{ rows: number }>(
    `select pg_catalog.count(*)::int4 as rows from (
       select from ${from} where ${text} and ${alias}.id > $${values.push(position)}::bigint
         and ${alias}.id <= $${values.push(through)}::bigint
       limit ${COUNT_LIMIT + 1}) as counted`,
    values,
  )
  return rows[0]?.rows
}

async function readShown(
  request: PageRequest,
  side: SideName,
  id: string,
): Promise<Reading<ShownAction | undefined>> {
  const { query } = request
  const outcome = query.get('outcome')
  const only = outcome === 'done' || outcome === 'failed' ? outcome : undefined
  const after = /^\d{1,18}$/.exec(query.get('after') ?? '')?.[0] ?? '0'
  return request[side].read(async (client) => {
    const action = await readAction(client, side, id)
    if (action === undefined) return undefined
    return {
      action,
      outcomes: await readOutcomes(client, action, only, PAGE_ITEMS + 1, after),
      left: await countLeft(client, action),
    }
  })
}

function itemName({ kind, side }: ActionRecord, item: string): Content {
  if (kind === 'reconciliation.repair') return `finding ${item}`
  return html`<a class="id" href="${href(['refused', `${side}-${item}`])}">${side}-${item}</a>`
}

function showItems({ action, outcomes }: ShownAction, request: PageRequest): Content {
  const rows = outcomes.slice(0, PAGE_ITEMS)
  const next = outcomes.length > PAGE_ITEMS ? rows.at(-1)?.item : undefined
  const outcome = request.query.get('outcome') ?? ''
  return html`<form method="get" class="filter">
<label>Outcome <select name="outcome">${choices(OUTCOMES, outcome, (value) => value || 'every')}</select></label><button type="submit">Filter</button></form>
${table({
  id: 'items',
  caption: 'What became of every item, in the order in which they are done',
  rows,
  rowId: ({ item }) => item,
  empty:
    action.state === 'running'
      ? 'No item has an outcome of this kind yet.'
      : 'No item has an outcome of this kind.',
  columns: [
    { title: 'item', show: ({ item }) => itemName(action, item) },
    { title: 'outcome', show: (row) => row.outcome },
    { title: 'reason', show: ({ reason }) => reason ?? '-' },
  ],
})}${
  next === undefined
    ? ''
    : html`<p><a href="${href(['actions', action.id], { outcome, after: next })}">More</a></p>`
}`
}

function whichOf(action: ActionRecord): string {
  const parsed = refusedSelectionSchema.safeParse(action.selection)
  if (isOfRefusedRows(action) && parsed.success) return describeSelection(parsed.data)
  return Object.entries(action.selection)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
}

/** What becomes of the rows afterwards, where that is somebody else's to say. */
function nextStep({ kind, state }: ActionRecord): Content {
  if (state !== 'done') return undefined
  if (kind === 'dead_letter.replay')
    return html`The relay sends the rows now. What HQ refuses again is open again under Refused.
What HQ has refused before stays in its quarantine until it is given up there.`
  if (kind === 'reconciliation.repair')
    return 'The relay sends the keys now. A later run proves that they arrived.'
  return undefined
}

function show(shown: ShownAction, request: PageRequest): Page {
  const { action, left } = shown
  const { done, failed } = action
  const leftOver = left === undefined ? '' : `, ${cappedCount(left)} left`
  const progress = `${count(done)} done, ${count(failed)} failed${leftOver}`
  const mayStop =
    action.state === 'running' && !request.isReadOnly && isAtLeast(request.actor, 'operator')
  return {
    title: KINDS.get(action.kind)?.title ?? action.kind,
    sentence: html`${actionState(action)} <span id="progress">${progress}</span>.
${nextStep(action)}`,
    content: html`${panel(
      { id: 'action', title: 'Action' },
      html`${facts('action-facts', [
        ['what', action.kind],
        ['which', whichOf(action)],
        ['side', SIDE_NAMES[action.side]],
        ['who', action.actor],
        ['why', action.reason ?? '-'],
        ['asked for', moment(action.requestedAt)],
        ['came on last', moment(action.updatedAt)],
        ['ended', action.finishedAt === null ? 'not yet' : moment(action.finishedAt)],
        ['id', action.id],
      ])}${
        mayStop
          ? changeForm({
              id: 'stop',
              action: href(['actions', action.id, 'stop']),
              hidden: [],
              button: 'Stop it; what is done stays',
              isDangerous: true,
            })
          : ''
      }`,
    )}${panel({ id: 'outcomes', title: 'Outcomes' }, showItems(shown, request))}`,
  }
}

/** One action: how far it has come, and what became of every item. */
export const actionPage: Screen = {
  path: '/actions/:id',
  show: async (request) => {
    const { id = '' } = request.params
    if (!ACTION_ID_PATTERN.test(id))
      return refusal(404, 'No such action', 'This is no id of an action.')
    const readings = await Promise.all([readShown(request, 'hq', id), readShown(request, 'dx', id)])
    for (const reading of readings) {
      if (reading.state === 'read' && reading.value !== undefined)
        return show(reading.value, request)
    }
    const unread = readings.flatMap((reading) => (reading.state === 'read' ? [] : [reading]))
    return {
      title: 'No such action',
      status: 404,
      content: html`<p>Neither side that can be asked knows it: nothing was done under this id.</p>
${unread.map(absence)}`,
    }
  },
}

/** Ends an action between two pieces. */
export const stopForm: FormAction = {
  path: '/actions/:id/stop',
  role: 'operator',
  submit: async (request) => {
    const { id = '' } = request.params
    if (!ACTION_ID_PATTERN.test(id))
      return refusal(404, 'No such action', 'This is no id of an action.')
    const { changes, actor } = request
    for (const side of ['hq', 'dx'] as const) {
      if (!changes[side].isConnected) continue
      const stopped = await attempt(changes[side], async (client) => {
        const isStopped = await stopAction(client, side, id)
        const entry = { actor: nameOf(actor), action: 'action.stop', subject: id }
        if (isStopped) await recordAudit(client, side, entry)
        return isStopped
      })
      if (!('value' in stopped) || stopped.value)
        return goOn(stopped, id, () => ({ goTo: actionHref(id) }))
    }
    return { goTo: actionHref(id) }
  },
}
