import { PAGE_TIMEOUT_MS, type Reading } from '../../db/side.ts'
import { type Html, html } from '../../page/html.ts'
import { panel, readPanel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { badge, COUNT_LIMIT, count, duration, moment } from '../../page/text.ts'
import { type DatabaseFacts, readDatabase } from './read-database.ts'

function database(id: string, { version, migrations, login, role }: DatabaseFacts): Html {
  return html`${facts(`${id}-facts`, [
    ['PostgreSQL', version],
    ['login', login],
    ['works as', role],
    ['migrations', `${migrations.length} applied, as this build needs them`],
    ['newest', migrations.at(-1) ?? 'none'],
  ])}
<details id="${id}-migrations"><summary>all of them</summary><ul>${migrations.map((name) => html`<li><code>${name}</code></li>`)}</ul></details>`
}

function databasePanel(id: string, name: string, reading: Reading<DatabaseFacts>): Html {
  return readPanel({ id, title: name }, reading, (found) => database(id, found))
}

async function show(request: PageRequest): Promise<Page> {
  const { hq, dx, running, isReadOnly } = request
  const [ofHq, ofDx] = await Promise.all([
    hq.read((client) => readDatabase(client, 'ingest.migration')),
    dx.read((client) => readDatabase(client, 'hq_export.migration')),
  ])
  return {
    title: 'About',
    content: html`${panel(
      { id: 'console', title: 'Console' },
      facts('console-facts', [
        ['build', running.version],
        ['Node.js', process.version],
        ['runs since', moment(running.startedAt)],
        ['assets', html`<code>${running.assets}</code>`],
        ['changes', isReadOnly ? badge('unknown', 'read-only') : badge('good', 'by role')],
        ['a page may take', `${duration(PAGE_TIMEOUT_MS)} of a database`],
        ['what piles up is counted to', count(COUNT_LIMIT)],
      ]),
    )}
${databasePanel('hq', hq.name, ofHq)}
${databasePanel('dx', dx.name, ofDx)}
${panel(
  { id: 'settings', title: 'Settings' },
  table({
    id: 'setting-list',
    caption: 'Settings as they run; what is secret is not shown',
    rows: running.settings,
    rowId: ({ name }) => name,
    empty: 'No setting: a defect of this build.',
    columns: [
      { title: 'setting', show: ({ name }) => html`<code>${name}</code>` },
      { title: 'value', show: ({ value }) => value },
      { title: 'set', show: ({ isDefault }) => (isDefault ? 'by nobody' : 'by the environment') },
    ],
  }),
)}`,
  }
}

/** What runs here. */
export const about: Screen = { path: '/about', nav: { title: 'About' }, show }
