import { html } from '../../page/html.ts'
import { malformed } from '../../page/malformed.ts'
import { empty } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { judgeRow } from './judge-row.ts'
import { parseRowQuery } from './parse-row-query.ts'
import { readRow } from './read-row.ts'
import { answer, searchForm, showRow } from './show-row.ts'
import { timelineOf } from './timeline.ts'

const TITLE = 'Where is my row'

async function show(request: PageRequest): Promise<Page> {
  const { query } = request
  const [dataset = '', key = ''] = [query.get('dataset') ?? '', query.get('key') ?? '']
  const asked = parseRowQuery(query)
  if (asked.kind === 'none') {
    const text =
      'With a dataset and a key, this page says where the row is: captured, ' +
      'waiting, refused, applied, compared.'
    return { title: TITLE, content: html`${searchForm(dataset, key)}${empty(text)}` }
  }
  if (asked.kind === 'malformed') return malformed(TITLE, asked.problem, searchForm(dataset, key))
  const readings = await readRow(request, asked.dataset, asked.key)
  const { dx, rows, ledgers } = readings
  const facts = {
    dataset: asked.dataset,
    source: dx.state === 'read' ? dx.value : undefined,
    hq: rows.state === 'read' ? rows.value : undefined,
    ledgers: ledgers.state === 'read' ? ledgers.value : undefined,
  }
  const [absent] = [dx, rows].filter((reading) => reading.state !== 'read')
  const verdict = judgeRow(facts, absent?.reason)
  return {
    title: TITLE,
    sentence: answer(verdict),
    content: showRow(request, readings, verdict, timelineOf(facts)),
  }
}

/** Where one row is: at the source, on its way, refused, in HQ. */
export const row: Screen = { path: '/row', nav: { title: 'Row', key: 'w' }, show }
