import {
  ACTION_ID_PATTERN,
  type ActionCursor,
  type ActionRecord,
  listActions,
  SIDE_NAMES,
} from '../../actions/action.ts'
import { href } from '../../page/href.ts'
import { html } from '../../page/html.ts'
import { isInstant } from '../../page/is-instant.ts'
import { mergeNewest } from '../../page/merge-newest.ts'
import { absence } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { badge, count, moment } from '../../page/text.ts'
import { actionHref } from './kinds/kind.ts'
import { KINDS } from './kinds/kinds.ts'

const PAGE_ROWS = 50

function cursorOf(text: string): ActionCursor | undefined {
  const [at = '', id = '', ...more] = text.split(',')
  return isInstant(at) && ACTION_ID_PATTERN.test(id) && more.length === 0 ? { at, id } : undefined
}

/** State of an action in a word. */
export function actionState({ state, done, failed }: ActionRecord) {
  if (state === 'running') return badge('warn', 'under way')
  if (state === 'stopped') return badge('unknown', 'stopped')
  if (failed === 0) return badge('good', 'done')
  return badge('bad', done === 0 ? 'failed' : 'done, some failed')
}

/** What is done by hand, and how far it has come. */
export const actions: Screen = {
  path: '/actions',
  nav: { title: 'Actions', key: 'a' },
  show: async ({ hq, dx, query }) => {
    const before = cursorOf(query.get('before') ?? '')
    const readings = await Promise.all([
      hq.read((client) => listActions(client, 'hq', PAGE_ROWS + 1, before)),
      dx.read((client) => listActions(client, 'dx', PAGE_ROWS + 1, before)),
    ])
    const pages = readings.map((reading) => ({
      rows: reading.state === 'read' ? reading.value : [],
    }))
    // The id as well, so that a page ends between two of the same moment.
    const placeOf = ({ requestedAt, id }: ActionRecord) => `${requestedAt},${id}`
    const { taken, hasMore } = mergeNewest(pages, placeOf, PAGE_ROWS)
    const last = taken.at(-1)
    const absent = readings.filter((reading) => reading.state !== 'read')
    const content = html`${absent.map((reading) => absence(reading))}
${table({
  id: 'actions',
  caption: 'What was done from the console, the newest first',
  rows: taken,
  rowId: (row) => row.id,
  empty:
    'Nothing has been done from the console yet. What a command does stands in the audit alone.',
  columns: [
    {
      title: 'what',
      show: (row) =>
        html`<a href="${actionHref(row.id)}">${KINDS.get(row.kind)?.title ?? row.kind}</a>`,
    },
    { title: 'state', show: actionState },
    { title: 'done', isNumber: true, show: (row) => count(row.done) },
    { title: 'failed', isNumber: true, show: (row) => count(row.failed) },
    { title: 'side', show: ({ side }) => SIDE_NAMES[side] },
    { title: 'who', show: ({ actor }) => actor },
    { title: 'why', show: ({ reason }) => reason ?? '-' },
    { title: 'when', show: (row) => moment(row.requestedAt) },
  ],
})}
${
  hasMore && last !== undefined
    ? html`<p><a href="${href(['actions'], { before: placeOf(last) })}">Older</a></p>`
    : ''
}`
    return { title: 'Actions', content }
  },
}
