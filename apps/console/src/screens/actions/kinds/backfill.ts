import { DATASETS, UUID_PATTERN } from '@hq-export/contract'
import { recordAudit } from '@hq-export/outbox-relay/audit/record-audit.ts'
import {
  type BackfillAction,
  type BackfillRecord,
  controlBackfill,
  listBackfills,
  readBackfill,
} from '@hq-export/outbox-relay/backfill/backfill-record.ts'
import { describeBackfill } from '@hq-export/outbox-relay/backfill/cli/describe-backfill.ts'
import { previewBackfill } from '@hq-export/outbox-relay/backfill/cli/preview-backfill.ts'
import {
  readSelection,
  type SelectionOptions,
} from '@hq-export/outbox-relay/backfill/cli/selection-options.ts'
import { planPasses } from '@hq-export/outbox-relay/backfill/pass.ts'
import { recordBackfill } from '@hq-export/outbox-relay/backfill/record-backfill.ts'
import { readBinding } from '@hq-export/outbox-relay/binding/read-binding.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import type pg from 'pg'
import { beginAction, readAction } from '../../../actions/action.ts'
import { attempt } from '../../../db/attempt.ts'
import { choices, textField } from '../../../page/form.ts'
import type { FormRequest } from '../../../page/form-action.ts'
import { type Content, html } from '../../../page/html.ts'
import { panel, readPanel } from '../../../page/panel.ts'
import type { PageRequest } from '../../../page/screen.ts'
import { facts, table } from '../../../page/table.ts'
import { count, duration } from '../../../page/text.ts'
import {
  type ActionKind,
  confirmForm,
  equivalent,
  goOnOrAgain,
  NOT_A_FORM,
  nameOf,
  noticeOf,
  operationOf,
  refusal,
  shellWord,
} from './kind.ts'

/** For each kind of rows; beyond it the planner guesses. */
const COUNT_TIMEOUT_MS = 250
const ID_PATTERN = /^[1-9]\d{0,17}$/
const NAMES = ['all', ...DATASETS.map(({ name }) => name)]

function optionsOf(query: URLSearchParams): SelectionOptions {
  const given = (name: string) => query.get(name)?.trim() || undefined
  const [dataset = 'all', since, until, org] = ['dataset', 'since', 'until', 'org'].map(given)
  if (!NAMES.includes(dataset)) throw new OperatorError('there is no such dataset')
  if (org !== undefined && !UUID_PATTERN.test(org)) throw new OperatorError('org must be a UUID')
  return {
    dataset,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(org !== undefined && { org }),
  }
}

/** One at a time for each dataset: another is neither needed nor faster. */
async function findOther(client: pg.ClientBase, dataset: string | null) {
  const open = (await listBackfills(client)).filter(({ state }) =>
    ['running', 'paused', 'failed'].includes(state),
  )
  return open.find(
    ({ selection }) =>
      dataset === null || selection.dataset === null || selection.dataset === dataset,
  )
}

function chooser({ query }: PageRequest): Content {
  const dataset = query.get('dataset') ?? 'all'
  const value = (name: string) => query.get(name) ?? ''
  return html`<form method="get" class="filter" action="/actions/new">
<input type="hidden" name="do" value="backfill.start">
<label>Dataset <select name="dataset">${choices(NAMES, dataset)}</select></label>
${textField({ name: 'since', label: 'Changed since', value: value('since') })}
${textField({ name: 'until', label: 'before', value: value('until') })}
${textField({ name: 'org', label: 'of org', value: value('org') })}
<button type="submit" name="count" value="yes">Count</button>
</form>`
}

function commandOf({ dataset, since, until, org }: SelectionOptions): string {
  const options = [
    `--dataset ${dataset}`,
    since && `--since ${shellWord(since)}`,
    until && `--until ${shellWord(until)}`,
    org && `--org ${org}`,
  ]
  return `npm run relay -- backfill ${options.filter(Boolean).join(' ')}`
}

async function showStart(request: PageRequest, notice?: Content) {
  const { query, dx } = request
  const title = 'Start a backfill'
  const which = panel({ id: 'which', title: 'What to send' }, chooser(request))
  const head = html`${noticeOf(notice)}${which}`
  if (!query.has('count')) return { title, content: head }
  let options: SelectionOptions
  try {
    options = optionsOf(query)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return { title, status: 400 as const, content: html`${noticeOf(error.message)}${head}` }
  }
  const reading = await dx.read(async (client) => {
    try {
      const selection = await readSelection(client, options)
      const passes = planPasses(await readBinding(client), selection)
      const other = await findOther(client, selection.dataset)
      return { other, preview: await previewBackfill(client, passes, selection, COUNT_TIMEOUT_MS) }
    } catch (error) {
      if (error instanceof OperatorError) return { problem: error.message }
      throw error
    }
  })
  const counted = readPanel({ id: 'effect', title: 'What it does' }, reading, (found) => {
    if ('problem' in found) return noticeOf(found.problem)
    const { other, preview } = found
    const basis = preview.rate_is_assumed ? 'assumed: none has told yet' : 'as the last one'
    return html`${table({
      id: 'passes',
      caption: 'Rows that would be sent',
      rows: preview.passes,
      rowId: ({ dataset, kind }) => `${dataset}-${kind}`,
      empty: 'Nothing is bound.',
      columns: [
        { title: 'dataset', show: ({ dataset }) => dataset },
        { title: 'what', show: ({ kind }) => kind },
        {
          title: 'rows',
          isNumber: true,
          show: ({ rows, exact }) => `${exact ? '' : 'about '}${count(rows)}`,
        },
      ],
    })}
${facts('effect-facts', [
  ['rows', html`<strong id="affected">${count(preview.rows)}</strong>`],
  [
    'takes about',
    `${duration(preview.expected_s * 1_000)} at ${count(preview.rows_per_s)} rows/s (${basis})`,
  ],
  ['each', 'is sent as it is now, after live changes; what HQ has already is a duplicate'],
])}
${
  other === undefined
    ? confirmForm(request, 'backfill.start', {
        hidden: [...Object.entries(options), ['count', 'yes'], ['expected', String(preview.rows)]],
        button: `Send about ${count(preview.rows)} rows`,
      })
    : noticeOf(`Backfill ${other.id} is ${other.state}: one at a time for each dataset.`)
}`
  })
  return { title, content: html`${head}${counted}${equivalent(commandOf(options))}` }
}

const start: ActionKind = {
  name: 'backfill.start',
  title: 'Start a backfill',
  role: 'operator',
  show: showStart,
  submit: async (request) => {
    const { form, changes, actor } = request
    const id = operationOf(request)
    if (id === undefined) return NOT_A_FORM
    let options: SelectionOptions
    try {
      options = optionsOf(form)
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      const page = await showStart({ ...request, query: form }, error.message)
      return { ...page, status: 400 }
    }
    const attempted = await attempt(changes.dx, async (client) => {
      if ((await readAction(client, 'dx', id)) !== undefined) return undefined
      const selection = await readSelection(client, options)
      const passes = planPasses(await readBinding(client), selection)
      // Two who begin one at the same moment take turns, and the second finds the first.
      await client.query('lock table hq_export.backfill in share row exclusive mode')
      const other = await findOther(client, selection.dataset)
      if (other !== undefined) return `backfill ${other.id} is ${other.state}`
      const action = { id, kind: start.name, actor: nameOf(actor), selection: options }
      const isNew = await beginAction(client, 'dx', {
        ...{ ...action, reason: undefined, through: undefined },
      })
      if (!isNew) return undefined
      const backfill = await recordBackfill(client, passes, selection)
      await recordAudit(client, {
        actor: nameOf(actor),
        action: start.name,
        subject: `backfill ${backfill}`,
        detail: { ...options, operation: id },
      })
      return undefined
    })
    return goOnOrAgain(attempted, id, (notice) => showStart({ ...request, query: form }, notice))
  },
}

const STEERING: Readonly<Record<BackfillAction, readonly [string, string, string]>> = {
  pause: ['Pause a backfill', 'Pause', 'stops at its checkpoint, until it is resumed'],
  resume: ['Resume a backfill', 'Resume', 'goes on from its checkpoint, in the relay that leads'],
  cancel: ['Cancel a backfill', 'Cancel for good', 'stops for good; what HQ has, it keeps'],
}

function steer(what: BackfillAction): ActionKind {
  const [title, button, effect] = STEERING[what]
  const name = `backfill.${what}`

  async function show(request: PageRequest, notice?: Content) {
    const id = request.query.get('id') ?? ''
    if (!ID_PATTERN.test(id)) return refusal(404, title, 'The address does not say which one.')
    const reading = await request.dx.read((client) => readBackfill(client, id))
    const content = readPanel({ id: 'effect', title: 'What it does' }, reading, (found) =>
      found === undefined
        ? noticeOf('There is no such backfill.')
        : html`${facts('effect-facts', [
            ['backfill', `${found.id}: ${effect}`],
            ['now', describeBackfill(found)],
          ])}${confirmForm(request, name, {
            hidden: [['id', id]],
            button,
            isDangerous: what === 'cancel',
          })}`,
    )
    const command = equivalent(`npm run relay -- backfill ${what} ${id}`)
    return { title, content: html`${noticeOf(notice)}${content}${command}` }
  }

  async function submit(request: FormRequest) {
    const { form, changes, actor } = request
    const id = operationOf(request)
    const backfill = form.get('id') ?? ''
    if (id === undefined || !ID_PATTERN.test(backfill)) return NOT_A_FORM
    const attempted = await attempt(changes.dx, async (client) => {
      if ((await readAction(client, 'dx', id)) !== undefined) return undefined
      const before: BackfillRecord | undefined = await readBackfill(client, backfill)
      if (!(await controlBackfill(client, backfill, what)))
        return `backfill ${backfill} is ${before?.state ?? 'not there'}`
      const asked = { id, kind: name, actor: nameOf(actor), reason: undefined }
      await beginAction(client, 'dx', { ...asked, selection: { backfill }, through: undefined })
      await recordAudit(client, {
        actor: nameOf(actor),
        action: name,
        subject: `backfill ${backfill}`,
        detail: { operation: id },
      })
      return undefined
    })
    return goOnOrAgain(attempted, id, (notice) => show({ ...request, query: form }, notice))
  }

  return { name, title, role: 'operator', show, submit }
}

/** A backfill, from its start to its end. */
export const BACKFILL_KINDS: readonly ActionKind[] = [
  start,
  steer('pause'),
  steer('resume'),
  steer('cancel'),
]
