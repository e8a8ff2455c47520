import { DATASETS, HEARTBEAT_DATASET, OUTCOMES } from '@hq-export/contract'
import { choices } from '../../page/form.ts'
import { href } from '../../page/href.ts'
import { type Html, html, NOTHING } from '../../page/html.ts'
import { isLookable } from '../../page/is-lookable.ts'
import { malformed } from '../../page/malformed.ts'
import { empty, readPanel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { count, moment } from '../../page/text.ts'
import { traceLink } from '../../page/trace-link.ts'
import { formatPlace, parsePlace } from './cursor.ts'
import { type BatchFilter, type BatchPage, type ListedBatch, readBatches } from './read-batches.ts'

const TITLE = 'Batches'
const DATASET_NAMES = [...DATASETS.map(({ name }) => name), HEARTBEAT_DATASET]

function anyOf(values: readonly string[], chosen: string | undefined): Html {
  return choices(['', ...values], chosen ?? '', (value) => value || 'any')
}

function filterForm({ source, dataset, outcome }: BatchFilter): Html {
  return html`<form method="get" action="/batches" class="filter" id="batch-filter">
<label>source <input type="search" name="source" value="${source ?? ''}" maxlength="200" autocomplete="off"></label>
<label>dataset <select name="dataset">${anyOf(DATASET_NAMES, dataset)}</select></label>
<label>with rows that are <select name="outcome">${anyOf(OUTCOMES, outcome)}</select></label>
<button>Filter</button>
</form>`
}

/** How many rows had which outcome, in words. */
export function outcomesOf({ counts }: Pick<ListedBatch, 'counts'>): string {
  const parts = OUTCOMES.filter((outcome) => (counts[outcome] ?? 0) > 0)
  return parts.length === 0
    ? 'no row'
    : parts.map((outcome) => `${count(counts[outcome] ?? 0)} ${outcome}`).join(', ')
}

function list(request: PageRequest, filter: BatchFilter, page: BatchPage): Html {
  const { source, dataset, outcome, before } = filter
  const { batches, next, lookedBackTo } = page
  const isFiltered = [source, dataset, outcome, before].some((value) => value !== undefined)
  const why = isFiltered
    ? 'No batch here that meets the filter. Rows by outcome of each batch would stand here.'
    : 'No batch yet. A batch stands here as soon as a relay has sent one: ' +
      'see the doctor of the source.'
  const older = next && href(['batches'], { source, dataset, outcome, before: formatPlace(next) })
  return html`${table({
    id: 'batch-list',
    caption: 'Batches that HQ has applied, the newest first',
    rows: batches,
    rowId: (batch) => formatPlace(batch),
    empty: why,
    columns: [
      {
        title: 'batch',
        show: (batch) =>
          html`<a href="${href(['batches', batch.source, batch.batch])}"><code>${batch.batch}</code></a>`,
      },
      { title: 'received (UTC)', show: ({ receivedAt }) => moment(receivedAt) },
      { title: 'source', show: (batch) => batch.source },
      { title: 'dataset', show: (batch) => batch.dataset },
      { title: 'rows', isNumber: true, show: ({ counts }) => count(counts.received ?? 0) },
      { title: 'outcomes', show: outcomesOf },
      { title: 'bytes sent', isNumber: true, show: ({ wireBytes }) => count(wireBytes) },
      { title: 'trace', show: ({ traceId }) => traceLink(request.jaegerUrl, traceId) },
    ],
  })}
${lookedBackTo === undefined ? NOTHING : empty(`Looked at the batches back to ${lookedBackTo.receivedAt}; older ones: next page.`)}
<p id="pages">${older === undefined ? NOTHING : html`<a href="${older}" rel="next">Older</a>`} ${before === undefined ? NOTHING : html`<a href="${href(['batches'], { source, dataset, outcome })}">Newest</a>`}</p>`
}

/** What an address asks for; a sentence where it asks for nothing that there can be. */
function parseFilter(query: URLSearchParams): BatchFilter | string {
  const text = (name: string): string | undefined => query.get(name)?.trim() || undefined
  const [source, dataset, outcome, from] = ['source', 'dataset', 'outcome', 'before'].map(text)
  if (source !== undefined && !isLookable(source)) return 'no source has such a name'
  if (dataset !== undefined && !DATASET_NAMES.some((name) => name === dataset))
    return `a dataset is one of ${DATASET_NAMES.join(', ')}`
  if (outcome !== undefined && !OUTCOMES.some((name) => name === outcome))
    return `an outcome is one of ${OUTCOMES.join(', ')}`
  const before = from === undefined ? undefined : parsePlace(from)
  if (from !== undefined && before === undefined) return 'no page begins there'
  return { source, dataset, outcome, before }
}

async function show(request: PageRequest): Promise<Page> {
  const filter = parseFilter(request.query)
  if (typeof filter === 'string') return malformed(TITLE, filter, filterForm({}))
  const reading = await request.hq.read((client) => readBatches(client, filter))
  return {
    title: TITLE,
    content: html`${filterForm(filter)}
${readPanel({ id: 'newest', title: 'Newest in HQ' }, reading, (page) => list(request, filter, page))}`,
  }
}

/** The newest batches. */
export const batches: Screen = { path: '/batches', nav: { title: 'Batches', key: 'b' }, show }
