import type pg from 'pg'
import { beginAction, readAction, SIDE_NAMES, type SideName } from '../../../actions/action.ts'
import {
  countRefused,
  hasGrown,
  MAX_COUNTED,
  readLastRefused,
} from '../../../actions/count-refused.ts'
import { type RefusedSelection, refusedRows } from '../../../actions/refused-selection.ts'
import { attempt } from '../../../db/attempt.ts'
import { textField } from '../../../page/form.ts'
import type { FormAnswer, FormRequest } from '../../../page/form-action.ts'
import { href } from '../../../page/href.ts'
import { type Content, html } from '../../../page/html.ts'
import { readPanel } from '../../../page/panel.ts'
import type { Page, PageRequest } from '../../../page/screen.ts'
import { facts, table } from '../../../page/table.ts'
import { count as shownCount } from '../../../page/text.ts'
import {
  type ActionKind,
  actionHref,
  confirmForm,
  equivalent,
  goOn,
  NOT_A_FORM,
  nameOf,
  noticeOf,
  operationOf,
  refusal,
  shellWord,
} from './kind.ts'
import {
  describeSelection,
  readSelection,
  selectionOptions,
  selectionParameters,
  selectionValue,
} from './selection-query.ts'

const SAMPLE = 10
/** Above it whoever gives rows up has to type how many. */
const TYPED_ABOVE = 100

/** What is different between the four things that can be done with refused rows. */
interface Wording {
  readonly name: string
  readonly title: string
  readonly side: SideName
  /** What becomes of a row. */
  readonly effect: Content
  readonly button: string
  readonly command: string
  /** The rows are given up: somebody has to say why. */
  readonly isDiscard: boolean
}

interface SampleRow {
  readonly id: string
  readonly dataset: string
  readonly code: string
  readonly key: string | null
  readonly place: string | null
  readonly detail: string | null
}

async function readSample(
  client: pg.ClientBase,
  side: SideName,
  selection: RefusedSelection,
): Promise<SampleRow[]> {
  const { from, alias, text, values } = refusedRows(side, selection)
  const code = side === 'hq' ? 'q.code' : 'd.reason'
  const { rows } = await client.query<SampleRow>(
    `select ${alias}.id::text as id, ${alias}.dataset, ${code} as code, ${alias}.key,
       ${alias}.pointer as place, ${alias}.detail
     from ${from} where ${text} order by ${alias}.id desc limit ${SAMPLE}`,
    values,
  )
  return rows
}

function shown(rows: number): string {
  return rows > MAX_COUNTED ? `more than ${shownCount(MAX_COUNTED)}` : shownCount(rows)
}

/** One of the four things that can be done with refused rows. */
function refusedRowsKind(wording: Wording): ActionKind {
  const { name, title, side, effect, button, command, isDiscard } = wording

  async function show(request: PageRequest, notice?: Content): Promise<Page> {
    const selection = readSelection(request.query)
    if (selection === undefined) {
      const why = html`The address does not say which rows: see <a href="/refused">Refused</a>.`
      return refusal(400, title, why)
    }
    const reading = await request[side].read(async (client) => ({
      rows: await countRefused(client, side, selection),
      sample: await readSample(client, side, selection),
    }))
    const note = isDiscard ? ' --note WHY' : ''
    const by = ` --by ${shellWord(nameOf(request.actor))}`
    const content = html`${noticeOf(notice)}
${readPanel(
  { id: 'effect', title: 'What it does' },
  reading,
  ({ rows, sample }) => html`
${facts('effect-facts', [
  ['rows', html`<strong id="affected">${shown(rows)}</strong>`],
  ['which', describeSelection(selection)],
  ['side', SIDE_NAMES[side]],
  ['each', effect],
])}
${
  rows === 0
    ? ''
    : confirmForm(request, name, {
        hidden: [selectionValue(selection), ['expected', String(rows)]],
        fields: html`${textField({
          name: 'reason',
          label: isDiscard ? 'Why, for whoever asks later' : 'Why (not needed)',
          isRequired: isDiscard,
        })}${
          isDiscard && rows > TYPED_ABOVE
            ? textField({
                name: 'typed',
                label: `Type ${rows} to give that many rows up`,
                isRequired: true,
                maxLength: 12,
              })
            : ''
        }`,
        button: `${button} ${shown(rows)} ${rows === 1 ? 'row' : 'rows'}`,
        isDangerous: isDiscard,
      })
}
${table({
  id: 'sample',
  caption: `The newest of them, at most ${SAMPLE}`,
  rows: sample,
  rowId: ({ id }) => id,
  empty: 'No row is selected: somebody has dealt with them, or the filter says too much.',
  columns: [
    {
      title: 'row',
      show: ({ id }) =>
        html`<a class="id" href="${href(['refused', `${side}-${id}`])}">${side}-${id}</a>`,
    },
    { title: 'dataset', show: ({ dataset }) => dataset },
    { title: 'code', show: ({ code }) => code },
    { title: 'place', show: ({ place }) => place ?? '-' },
    { title: 'key', show: ({ key }) => key ?? '-' },
    { title: 'why', show: ({ detail }) => detail ?? '-' },
  ],
})}`,
)}
${equivalent(`${command} ${selectionOptions(selection)}${note}${by}`)}`
    return { title, content }
  }

  /** Shows the confirmation again, with what is selected now. */
  async function showAgain(request: FormRequest, status: 400 | 409, notice: Content) {
    const selection = readSelection(request.form) ?? {}
    const query = selectionParameters(selection)
    return { ...(await show({ ...request, query }, notice)), status }
  }

  async function submit(request: FormRequest): Promise<FormAnswer> {
    const { form, actor, changes } = request
    const id = operationOf(request)
    const selection = readSelection(form)
    const expected = Number(form.get('expected') ?? Number.NaN)
    if (id === undefined || selection === undefined || !Number.isInteger(expected))
      return NOT_A_FORM
    const reason = form.get('reason')?.trim().slice(0, 500) || undefined
    if (isDiscard && reason === undefined)
      return showAgain(request, 400, 'Nothing was done: say why the rows are given up.')
    if (
      isDiscard &&
      expected > TYPED_ABOVE &&
      form.get('typed')?.replaceAll(',', '') !== String(expected)
    )
      return showAgain(request, 400, 'Nothing was done: the number that was typed is another one.')
    const attempted = await attempt(changes[side], async (client) => {
      if ((await readAction(client, side, id)) !== undefined) return 'begun'
      const rows = await countRefused(client, side, selection)
      if (hasGrown(rows, expected)) return rows
      const through = await readLastRefused(client, side)
      const action = { id, kind: name, actor: nameOf(actor), reason, selection, through }
      await beginAction(client, side, action)
      return 'begun'
    })
    if ('value' in attempted && typeof attempted.value === 'number') {
      const notice = html`Nothing was done: when this was shown, ${shown(expected)} rows were
selected, and now it is ${shown(attempted.value)}. Look again.`
      return showAgain(request, 409, notice)
    }
    return goOn(attempted, id, () => {
      changes.wake(side)
      return { goTo: actionHref(id) }
    })
  }

  return { name, title, role: 'operator', show, submit }
}

/** What can be done with the rows that a source has kept, and with those that HQ has. */
export const REFUSED_ROWS_KINDS: readonly ActionKind[] = [
  refusedRowsKind({
    ...{ name: 'dead_letter.replay', title: 'Send refused rows again', side: 'dx' },
    effect:
      'is put into the outbox as data-engine-x has it now, under its version of now, and the ' +
      'relay sends it; what HQ has already is a duplicate. If HQ refuses it again, it is open again.',
    button: 'Send',
    command: 'npm run relay -- dead-letters replay',
    isDiscard: false,
  }),
  refusedRowsKind({
    ...{ name: 'dead_letter.discard', title: 'Give dead letters up', side: 'dx' },
    effect: 'is closed at the source and stays on record; it is not sent again.',
    button: 'Give up',
    command: 'npm run relay -- dead-letters discard',
    isDiscard: true,
  }),
  refusedRowsKind({
    ...{ name: 'quarantine.replay', title: 'Have HQ take its refused rows again', side: 'hq' },
    effect:
      'is checked as this build checks rows, and applied exactly as it was sent, under the guard ' +
      'of every batch. For rows that were right when HQ was wrong; a row that was corrected in the ' +
      'source is sent from there.',
    button: 'Take',
    command: 'npm run ingest -- quarantine replay',
    isDiscard: false,
  }),
  refusedRowsKind({
    ...{ name: 'quarantine.discard', title: 'Give quarantined rows up', side: 'hq' },
    effect: 'is closed in HQ and stays on record; nothing is written to the warehouse.',
    button: 'Give up',
    command: 'npm run ingest -- quarantine discard',
    isDiscard: true,
  }),
]
