import { type Finding, UUID_PATTERN } from '@hq-export/contract'
import { readReconciliation } from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import { repairLimit } from '@hq-export/outbox-relay/reconcile/repair/repair-limit.ts'
import { beginAction, readAction } from '../../../actions/action.ts'
import { isSendable } from '../../../actions/run-repair.ts'
import { attempt } from '../../../db/attempt.ts'
import { href } from '../../../page/href.ts'
import { type Content, html } from '../../../page/html.ts'
import { panel, readPanel } from '../../../page/panel.ts'
import type { PageRequest } from '../../../page/screen.ts'
import { facts, table } from '../../../page/table.ts'
import { count } from '../../../page/text.ts'
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
} from './kind.ts'

const TITLE = 'Send what differs once more'

/** What a run found, by what can be done about it. */
function sort(findings: readonly Finding[]) {
  const groups = Map.groupBy(findings, ({ dataset, class: found }) => `${dataset} ${found}`)
  return [...groups].map(([group, members]) => {
    const [dataset = '', found = ''] = group.split(' ')
    return { group, dataset, found, rows: members.length, sent: members.filter(isSendable).length }
  })
}

async function showRepair(request: PageRequest, notice?: Content) {
  const run = request.query.get('run') ?? ''
  if (!UUID_PATTERN.test(run)) return refusal(404, TITLE, 'The address does not say which run.')
  const reading = await request.dx.read((client) => readReconciliation(client, run))
  const content = readPanel({ id: 'effect', title: 'What it does' }, reading, (record) => {
    if (record === undefined) return noticeOf('There is no such run.')
    const found = sort(record.findings)
    const rows = found.reduce((sum, { sent }) => sum + sent, 0)
    const limit = limitOf(record)
    return html`${facts('effect-facts', [
      ['run', html`<a href="${href(['verify', run])}">${run}</a>`],
      ['keys', html`<strong id="affected">${count(rows)}</strong>`],
      [
        'each',
        'is sent once more by the relay, as the source has it then; what HQ has by now is a ' +
          'duplicate. Only a later run proves that it arrived.',
      ],
      [
        'not from here',
        'rows with other content under the same version, and snapshots, need a look at both ' +
          'sides first: the command does that.',
      ],
    ])}
${table({
  id: 'findings',
  caption: 'What the run found',
  rows: found,
  rowId: ({ group }) => group,
  empty: 'The run found no difference.',
  columns: [
    { title: 'dataset', show: ({ dataset }) => dataset },
    { title: 'class', show: (row) => row.found },
    { title: 'keys', isNumber: true, show: (row) => count(row.rows) },
    { title: 'would be sent', isNumber: true, show: ({ sent }) => count(sent) },
  ],
})}
${
  rows > limit
    ? noticeOf(
        html`More than ${count(limit)} keys: that is no loss to mend in passing. Find the cause,
then use the command.`,
      )
    : rows === 0
      ? ''
      : confirmForm(request, repair.name, {
          hidden: [
            ['run', run],
            ['expected', String(rows)],
          ],
          button: `Send ${count(rows)} keys`,
        })
}`
  })
  const command = equivalent('npm run relay -- reconcile --repair')
  return { title: TITLE, content: html`${noticeOf(notice)}${content}${command}` }
}

type Run = NonNullable<Awaited<ReturnType<typeof readReconciliation>>>

function limitOf({ run }: Run): number {
  const compared = run?.datasets.map(({ source_rows: rows }) => Number(rows)) ?? []
  return repairLimit(Math.max(0, ...compared))
}

/** Sends the keys that a run found missing or older in HQ. */
export const repair: ActionKind = {
  name: 'reconciliation.repair',
  title: TITLE,
  role: 'operator',
  show: showRepair,
  submit: async (request) => {
    const { form, changes, actor } = request
    const id = operationOf(request)
    const run = form.get('run') ?? ''
    if (id === undefined || !UUID_PATTERN.test(run)) return NOT_A_FORM
    const attempted = await attempt(changes.dx, async (client) => {
      if ((await readAction(client, 'dx', id)) !== undefined) return undefined
      const record = await readReconciliation(client, run)
      const rows = record?.findings.filter(isSendable).length ?? 0
      if (record === undefined || rows === 0) return 'the run has nothing that could be sent'
      if (rows > limitOf(record)) return 'the run found more than is mended in passing'
      const asked = { id, kind: repair.name, actor: nameOf(actor), reason: undefined }
      const through = String(record.findings.length)
      await beginAction(client, 'dx', { ...asked, selection: { run }, through })
      return undefined
    })
    // Where nothing was begun, nothing is found to do.
    changes.wake('dx')
    return goOnOrAgain(attempted, id, (notice) => showRepair({ ...request, query: form }, notice))
  },
}

/** A comparison asks HQ over the gateway with the source's key, which the console does not have. */
export const verify: ActionKind = {
  name: 'verify.now',
  title: 'Verify now',
  role: 'operator',
  show: async () => ({
    title: 'Verify now',
    content: html`${panel(
      { id: 'effect', title: 'What it does' },
      html`<p>Compares every row of the source with HQ while both go on, and says which keys differ.
It asks HQ over the gateway and signs with the source's key, which only the relay has: so it is
begun there. The relay does it by itself once a day (RELAY_RECONCILE_AT).</p>`,
    )}${equivalent('npm run relay -- reconcile')}`,
  }),
}
