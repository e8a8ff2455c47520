import { DATASETS } from '@hq-export/contract'
import type { Reading } from '../../db/side.ts'
import { choices } from '../../page/form.ts'
import { href } from '../../page/href.ts'
import { type Content, html, NOTHING } from '../../page/html.ts'
import { absence } from '../../page/panel.ts'
import type { PageRequest } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { badge, cappedCount, moment } from '../../page/text.ts'
import { actionHref } from '../actions/kinds/kind.ts'
import { type Cause, causeHref, causeKey, codeLink, placeOf } from './cause.ts'
import {
  type GroupFilter,
  type LastAction,
  MAX_GROUPS,
  readEntryGroups,
  readLastActions,
  readLetterGroups,
  type SideGroup,
} from './read-groups.ts'

interface Group extends Cause {
  readonly hq: SideGroup | undefined
  readonly dx: SideGroup | undefined
  readonly actions: readonly LastAction[]
  readonly firstSeen: string
  readonly lastSeen: string
}

interface SideGroups {
  readonly groups: readonly SideGroup[]
  readonly actions: ReadonlyMap<number, LastAction>
}

function valuesOf(readings: readonly Reading<SideGroups>[]): (SideGroups | undefined)[] {
  return readings.map((reading) => (reading.state === 'read' ? reading.value : undefined))
}

/** Causes of both sides, those that were seen last first. */
function merge(hq: SideGroups | undefined, dx: SideGroups | undefined): Group[] {
  const byCause = new Map<string, { hq?: SideGroup; dx?: SideGroup; actions: LastAction[] }>()
  for (const [side, found] of [
    ['hq', hq],
    ['dx', dx],
  ] as const) {
    for (const [place, group] of (found?.groups ?? []).entries()) {
      const known = byCause.get(causeKey(group)) ?? { actions: [] }
      const action = found?.actions.get(place)
      byCause.set(causeKey(group), {
        ...known,
        [side]: group,
        actions: action === undefined ? known.actions : [...known.actions, action],
      })
    }
  }
  return [...byCause.values()]
    .flatMap(({ hq, dx, actions }): Group[] => {
      const one = hq ?? dx
      if (one === undefined) return []
      const both = [hq, dx].filter((group) => group !== undefined)
      const { dataset, code, pointer } = one
      return [
        {
          ...{ dataset, code, pointer, hq, dx, actions },
          firstSeen: both.map(({ firstSeen }) => firstSeen).toSorted()[0] ?? one.firstSeen,
          lastSeen:
            both
              .map(({ lastSeen }) => lastSeen)
              .toSorted()
              .at(-1) ?? one.lastSeen,
        },
      ]
    })
    .toSorted((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1))
}

function sidesOf({ hq, dx }: Group): string {
  if (hq === undefined) return 'source'
  return dx === undefined ? 'HQ' : 'both'
}

function cappedOrNone(group: SideGroup | undefined): Content {
  return group === undefined ? html`<span class="none">none</span>` : cappedCount(group.rows)
}

function spread({ hq }: Group): Content {
  if (hq === undefined) return html`<span class="none">not told</span>`
  const { orgs } = hq
  return orgs === 0 ? 'none named' : `${orgs} ${orgs === 1 ? 'org' : 'orgs'}`
}

/** What has come since somebody dealt with all of a cause: it is open again, and says so. */
function reopened({ actions }: Group): Content {
  return actions.map(({ id, kind, actor, finishedAt, since }) =>
    since === 0
      ? html`<a href="${actionHref(id)}">${kind}</a> `
      : html`${badge('warn', `${cappedCount(since)} new`)}
 since <a href="${actionHref(id)}">${kind}</a> by ${actor}, ${moment(finishedAt)} `,
  )
}

function filterForm({ dataset, code }: GroupFilter): Content {
  return html`<form method="get" class="filter">
<label>Dataset <select name="dataset">${choices(
    ['', ...DATASETS.map(({ name }) => name)],
    dataset ?? '',
    (name) => name || 'every',
  )}</select></label>
<label>Code <input type="search" name="code" value="${code ?? ''}" maxlength="200"></label>
<button type="submit">Filter</button>
</form>`
}

/** Refused rows by their cause. */
export async function showGroups({ hq, dx, query }: PageRequest) {
  const filter: GroupFilter = {
    dataset: query.get('dataset') || undefined,
    code: query.get('code')?.trim() || undefined,
  }
  const readings = await Promise.all([
    hq.read(async (client) => {
      const groups = await readEntryGroups(client, filter)
      return { groups, actions: await readLastActions(client, 'hq', groups) }
    }),
    dx.read(async (client) => {
      const groups = await readLetterGroups(client, filter)
      return { groups, actions: await readLastActions(client, 'dx', groups) }
    }),
  ])
  const [inHq, atSource] = valuesOf(readings)
  const groups = merge(inHq, atSource)
  const isCut = [inHq, atSource].some((side) => (side?.groups.length ?? 0) > MAX_GROUPS)
  const shown = groups.slice(0, MAX_GROUPS)
  const isKnown = inHq !== undefined || atSource !== undefined
  const content = html`${filterForm(filter)}
${readings.map((reading) => (reading.state === 'read' ? NOTHING : absence(reading)))}
${
  isKnown
    ? table({
        id: 'causes',
        caption: 'Rows that are refused and that nobody has dealt with, by cause',
        rows: shown,
        rowId: causeKey,
        empty: emptyText(filter),
        columns: [
          {
            title: 'cause',
            show: (group) =>
              html`<a href="${causeHref(group)}">${group.dataset} · ${group.code} ·
 ${placeOf(group.pointer)}</a>`,
          },
          { title: 'what it means', show: ({ code }) => codeLink(code) },
          { title: 'in HQ', isNumber: true, show: (group) => cappedOrNone(group.hq) },
          { title: 'at the source', isNumber: true, show: (group) => cappedOrNone(group.dx) },
          { title: 'sides', show: sidesOf },
          { title: 'spread', show: spread },
          { title: 'first seen', show: (group) => moment(group.firstSeen) },
          { title: 'last seen', show: (group) => moment(group.lastSeen) },
          { title: 'last done', show: reopened },
        ],
      })
    : NOTHING
}
${isCut ? html`<p>More than ${MAX_GROUPS} causes; choose a dataset or a code.</p>` : NOTHING}
<p><a href="${href(['actions'])}">What was done about refused rows</a></p>`
  return { title: 'Refused', sentence: sentenceOf(groups, isKnown), content }
}

function emptyText({ dataset, code }: GroupFilter): string {
  return dataset === undefined && code === undefined
    ? 'No row is refused: HQ has taken all that it was sent, or nothing was sent yet.'
    : 'No open row has this cause; the filter may say too much.'
}

function sentenceOf(groups: readonly Group[], isKnown: boolean): string {
  if (!isKnown) return 'Neither side can be asked.'
  if (groups.length === 0) return 'Nothing is refused.'
  const causes = groups.length === 1 ? 'one cause' : `${groups.length} causes`
  return `Rows are refused for ${causes}.`
}
