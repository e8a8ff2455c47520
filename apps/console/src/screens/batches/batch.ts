import { href } from '../../page/href.ts'
import { type Html, html, NOTHING } from '../../page/html.ts'
import { isLookable } from '../../page/is-lookable.ts'
import { malformed } from '../../page/malformed.ts'
import { absence, empty, panel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { badge, count, moment } from '../../page/text.ts'
import { traceLink } from '../../page/trace-link.ts'
import { outcomesOf } from './batches.ts'
import { type LedgerBatch, MAX_ANSWERED, readBatch } from './read-batch.ts'

const TITLE = 'Batch'
const REPEATED =
  'A delivery that is repeated gets this answer again, and nothing is written: the ledger does ' +
  'not count it, the metric hq_ingest_idempotency_total does (result replayed).'

function positions({ unchanged = {} }: LedgerBatch['answer']): Html {
  const entries = Object.entries(unchanged).filter(([, ranges]) => ranges.length > 0)
  if (entries.length === 0) return NOTHING
  return facts(
    'unchanged',
    entries.map(([outcome, ranges]) => [
      `${outcome}, by position in the batch`,
      ranges
        .slice(0, MAX_ANSWERED)
        .map(([first, last]) => (first === last ? String(first) : `${first} to ${last}`))
        .join(', ') + (ranges.length > MAX_ANSWERED ? ' and more' : ''),
    ]),
  )
}

function keyCell(dataset: string, key: string | null): Html {
  if (key === null) return html`<span class="none">none that is valid</span>`
  return html`<a href="${href(['row'], { dataset, key })}"><code>${key}</code></a>`
}

function answered({ dataset, answer, rowCount }: LedgerBatch): Html {
  return html`${table({
    id: 'answered-rows',
    caption: 'Rows that the answer names: refused ones, with the reason',
    rows: answer.rows,
    rowId: ({ index }) => String(index),
    empty: 'The answer names no row: none was refused.',
    columns: [
      { title: 'position', isNumber: true, show: ({ index }) => String(index) },
      { title: 'outcome', show: ({ outcome }) => outcome },
      { title: 'key', show: ({ key }) => keyCell(dataset, key) },
      {
        title: 'code',
        show: ({ code }) =>
          code === undefined ? '' : html`<a href="${href(['help', code])}">${code}</a>`,
      },
      { title: 'where', show: ({ pointer }) => html`<code>${pointer}</code>` },
      { title: 'rule', show: ({ detail }) => detail },
    ],
  })}
${rowCount > MAX_ANSWERED ? empty(`These are the first ${MAX_ANSWERED} of ${count(rowCount)}.`) : NOTHING}
${positions(answer)}`
}

function show({ jaegerUrl }: PageRequest, batch: LedgerBatch, position: number): Html {
  const id = `batch-${position}`
  const { status, counts } = batch.answer
  const isWhole = status === 'applied'
  return html`${panel(
    { id, title: 'What HQ keeps of it' },
    facts(`${id}-facts`, [
      ['status', badge(isWhole ? 'good' : 'warn', status)],
      ['received', moment(batch.receivedAt)],
      ['dataset', batch.dataset],
      ['contract version', batch.schemaVersion],
      ['rows', count(counts.received ?? 0)],
      ['outcomes', outcomesOf({ counts })],
      ['bytes as sent', count(batch.wireBytes)],
      ['bytes of the body', count(batch.decodedBytes)],
      [
        'signed by key',
        html`<a href="${href(['keys'], { source: batch.keySource ?? batch.source })}"><code>${batch.keyId}</code></a> ${batch.keyLabel}`,
      ],
      ['org of the key', batch.orgId ?? 'none by itself'],
      ['life of the source', batch.epoch ?? 'not told'],
      ['SHA-256 of the body', html`<code>${batch.fingerprint}</code>`],
      ['trace, with how long it took', traceLink(jaegerUrl, batch.traceId)],
    ]),
  )}
${panel({ id: `${id}-answer`, title: 'Answer, as sent' }, answered(batch))}
${panel(
  { id: `${id}-profile`, title: 'Profile' },
  batch.profile === null
    ? empty(
        'None is kept of this batch: a heartbeat has none, and neither have batches ' +
          'of older releases.',
      )
    : html`<details><summary>What its new rows were like, in counts</summary><pre><code>${batch.profile.split('\n').map((line) => html`${line}\n`)}</code></pre></details>`,
)}`
}

async function showBatch(request: PageRequest): Promise<Page> {
  const { source = '', batch = '' } = request.params
  if (!isLookable(source) || !isLookable(batch))
    return malformed(TITLE, 'no source or batch has such a name')
  const reading = await request.hq.read((client) => readBatch(client, source, batch))
  const title = `Batch ${batch} of ${source}`
  if (reading.state !== 'read') return { title, content: absence(reading) }
  if (reading.value.length === 0) {
    const text =
      'HQ does not have this batch: it was never applied, or is older than the ledger ' +
      '(INGEST_LEDGER_DAYS).'
    return { title, status: 404, content: empty(text) }
  }
  return {
    title,
    content: html`${reading.value.map((found, position) => show(request, found, position))}
${empty(REPEATED)}`,
  }
}

/** One batch: what became of its rows, and the answer that a repeated delivery gets again. */
export const batch: Screen = { path: '/batches/:source/:batch', show: showBatch }
