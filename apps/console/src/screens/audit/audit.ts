import type pg from 'pg'
import { SCHEMA_OF, SIDE_NAMES, type SideName } from '../../actions/action.ts'
import { href } from '../../page/href.ts'
import { html, NOTHING } from '../../page/html.ts'
import { mergeNewest } from '../../page/merge-newest.ts'
import { absence } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { moment } from '../../page/text.ts'

const PAGE_ROWS = 50
/** Characters of the circumstances that are shown: a job of many rows names them all. */
const SHOWN_DETAIL = 1_000

interface AuditRow {
  readonly side: SideName
  readonly id: string
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly detail: string
  readonly note: string | null
}

interface AuditFilter {
  readonly actor: string | undefined
  readonly action: string | undefined
  readonly before: string | undefined
}

/** Newest first, by the number of the entry. */
async function readAudit(
  client: pg.ClientBase,
  side: SideName,
  { actor, action, before }: AuditFilter,
): Promise<AuditRow[]> {
  const { rows } = await client.query<Omit<AuditRow, 'side'>>(
    `select a.id::text as id, pg_catalog.to_json(a.at) #>> '{}' as at, a.actor, a.action, a.subject,
       pg_catalog."left"((a.detail - 'note')::text, ${SHOWN_DETAIL}) as detail,
       a.detail ->> 'note' as note
     from ${SCHEMA_OF[side]}.audit as a
     where ($1::text is null or a.actor = $1)
       and ($2::text is null or pg_catalog.starts_with(a.action, $2))
       and ($3::bigint is null or a.id < $3)
     order by a.id desc limit ${PAGE_ROWS + 1}`,
    [actor ?? null, action ?? null, before ?? null],
  )
  return rows.map((row) => ({ side, ...row }))
}

/** Who did what, when and why, on both sides. */
export const audit: Screen = {
  path: '/audit',
  nav: { title: 'Audit' },
  show: async ({ hq, dx, query }) => {
    const numberOf = (name: string) => /^\d{1,18}$/.exec(query.get(name) ?? '')?.[0]
    const given = (name: string) => query.get(name)?.trim() || undefined
    const filter = { actor: given('actor'), action: given('action') }
    const cursors = { hq: numberOf('hq'), dx: numberOf('dx') }
    const readings = await Promise.all([
      hq.read((client) => readAudit(client, 'hq', { ...filter, before: cursors.hq })),
      dx.read((client) => readAudit(client, 'dx', { ...filter, before: cursors.dx })),
    ])
    const pages = readings.map((reading) => ({
      rows: reading.state === 'read' ? reading.value : [],
    }))
    const { taken, used, hasMore } = mergeNewest(pages, ({ at }) => at, PAGE_ROWS)
    const cursorOf = (place: 0 | 1, before: string | undefined) =>
      pages[place]?.rows[(used[place] ?? 0) - 1]?.id ?? before
    const next = { hq: cursorOf(0, cursors.hq), dx: cursorOf(1, cursors.dx) }
    const content = html`<form method="get" class="filter">
<label>Who <input type="search" name="actor" value="${filter.actor ?? ''}" maxlength="200"></label>
<label>What, from its beginning
 <input type="text" name="action" value="${filter.action ?? ''}" maxlength="200"></label>
<button type="submit">Filter</button></form>
${readings.map((reading) => (reading.state === 'read' ? NOTHING : absence(reading)))}
${table({
  id: 'audit',
  caption: 'What was done by hand, from the console and by commands, the newest first',
  rows: taken,
  rowId: ({ side, id }) => `${side}-${id}`,
  empty: 'Nothing of this kind was done by hand.',
  columns: [
    { title: 'when', show: ({ at }) => moment(at) },
    { title: 'who', show: (row) => row.actor },
    { title: 'what', show: (row) => row.action },
    { title: 'to what', show: ({ subject }) => subject },
    { title: 'why', show: ({ note }) => note ?? '-' },
    { title: 'circumstances', show: ({ detail }) => html`<code>${detail}</code>` },
    { title: 'side', show: ({ side }) => SIDE_NAMES[side] },
  ],
})}
${hasMore ? html`<p><a href="${href(['audit'], { ...filter, ...next })}">Older</a></p>` : NOTHING}`
    return { title: 'Audit', content }
  },
}
