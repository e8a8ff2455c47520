import { isAtLeast } from '../../access/actor.ts'
import { actionLink } from '../../page/action-link.ts'
import { href } from '../../page/href.ts'
import { type Content, html, NOTHING } from '../../page/html.ts'
import { isInstant } from '../../page/is-instant.ts'
import { mergeNewest } from '../../page/merge-newest.ts'
import { absence, panel } from '../../page/panel.ts'
import type { PageRequest } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { badge, count, moment } from '../../page/text.ts'
import { type Cause, causeHref, causeKey, codeLink, placeOf, whatToDo, whoActs } from './cause.ts'
import { type Counterpart, findEntries, findLetters } from './match-sides.ts'
import { type Line, type LineCursor, readEntryLines, readLetterLines } from './read-lines.ts'

const PAGE_LINES = 50
const CURSOR_PATTERN = /^([^,]+),([1-9]\d{0,17})$/

function cursorOf(text: string | null): LineCursor | undefined {
  const [, at, id] = CURSOR_PATTERN.exec(text ?? '') ?? []
  return at === undefined || id === undefined || !isInstant(at) ? undefined : { at, id }
}

async function readBoth({ hq, dx, query }: PageRequest, cause: Cause) {
  const [entries, letters] = await Promise.all([
    hq.read((client) => readEntryLines(client, cause, PAGE_LINES + 1, cursorOf(query.get('hq')))),
    dx.read((client) => readLetterLines(client, cause, PAGE_LINES + 1, cursorOf(query.get('dx')))),
  ])
  const entryLines = entries.state === 'read' ? entries.value : []
  const letterLines = letters.state === 'read' ? letters.value : []
  // One side says what it has of the rows of the other; where it cannot, a line shows one side.
  const [ofEntries, ofLetters] = await Promise.all([
    dx.read((client) => findLetters(client, entryLines)),
    hq.read((client) => findEntries(client, letterLines)),
  ])
  const otherOf = (found: typeof ofEntries, { id }: Line): Counterpart | undefined =>
    found.state === 'read' ? found.value.get(id) : undefined
  return {
    absent: [entries, letters].filter((reading) => reading.state !== 'read'),
    entries: entryLines.map((line): Line => ({ ...line, other: otherOf(ofEntries, line) })),
    letters: letterLines.map((line): Line => ({ ...line, other: otherOf(ofLetters, line) })),
  }
}

/** The line of its entry stands for a letter. */
function isShown({ side, other, dataset }: Line, cause: Cause): boolean {
  if (side === 'hq' || other === undefined || !other.isOpen) return true
  return causeKey({ dataset, code: other.code, pointer: other.pointer }) !== causeKey(cause)
}

function stateOf(side: 'hq' | 'dx', line: Line): Content {
  if (line.side === side) return badge('bad', 'refused')
  const { other } = line
  if (other === undefined) return html`<span class="none">not kept</span>`
  if (other.isOpen) return badge('bad', 'refused')
  return badge(other.resolution === 'discarded' ? 'unknown' : 'good', other.resolution ?? 'closed')
}

function idOf(side: 'hq' | 'dx', { side: own, id, other }: Line): Content {
  const number = own === side ? id : other?.id
  if (number === undefined) return NOTHING
  const name = `${side}-${number}`
  return html`<a class="id" href="${href(['refused', name])}">${name}</a>`
}

function lineHref({ side, id }: Line): string {
  return href(['refused', `${side}-${id}`])
}

/** It was sent again by hand, and was refused again. */
function again({ replayCount, other }: Line): Content {
  const times = Math.max(replayCount, other?.replayCount ?? 0)
  return times === 0 ? NOTHING : badge('warn', `open again after ${count(times)} replays`)
}

function actionsOf(cause: Cause, { actor, isReadOnly, hq, dx }: PageRequest): Content {
  if (isReadOnly || !isAtLeast(actor, 'operator')) return NOTHING
  const { dataset, code, pointer } = cause
  const link = (kind: string, text: string) => {
    const search = new URLSearchParams({ do: kind, dataset, code, pointer })
    return html`<li><a href="${href(['actions', 'new'])}?${search.toString()}">${text}</a></li>`
  }
  return panel(
    { id: 'do', title: 'Do something about all of them' },
    html`<ul class="do">${
      dx.isConnected && [
        link('dead_letter.replay', 'Send them again from the source, as it has them now'),
        link('dead_letter.discard', 'Give them up at the source'),
      ]
    }${
      hq.isConnected && [
        link('quarantine.replay', 'Have HQ take them as they were sent'),
        link('quarantine.discard', 'Give them up in HQ'),
      ]
    }</ul>`,
  )
}

/** What can be done about one line. */
export function lineActions(
  ids: { readonly hq: string | undefined; readonly dx: string | undefined },
  request: PageRequest,
): Content {
  if (request.isReadOnly || !isAtLeast(request.actor, 'operator')) return NOTHING
  const link = (kind: string, id: string, text: string) =>
    html`<li>${actionLink(request, 'operator', text, { do: kind, id })}</li>`
  const { hq, dx } = ids
  return html`<ul class="do">${
    dx !== undefined && [
      link('dead_letter.replay', dx, 'Send it again from the source'),
      link('dead_letter.discard', dx, 'Give it up at the source'),
    ]
  }${
    hq !== undefined && [
      link('quarantine.replay', hq, 'Have HQ take it as it was sent'),
      link('quarantine.discard', hq, 'Give it up in HQ'),
    ]
  }</ul>`
}

/** Rows of one cause; what both sides keep of a row stands in one line. */
export async function showLines(request: PageRequest, cause: Cause) {
  const { query } = request
  const { absent, entries, letters } = await readBoth(request, cause)
  const merged = mergeNewest(
    [{ rows: entries }, { rows: letters }],
    ({ lastSeen }) => lastSeen,
    PAGE_LINES,
    (line) => isShown(line, cause),
  )
  const { taken, used, hasMore } = merged
  const lastOf = (rows: readonly Line[], taken: number, before: string | null) => {
    const row = rows[taken - 1]
    return row === undefined ? before : `${row.lastSeen},${row.id}`
  }
  const next = new URLSearchParams({ ...cause })
  for (const [name, rows, taken] of [
    ['hq', entries, used[0] ?? 0],
    ['dx', letters, used[1] ?? 0],
  ] as const) {
    const cursor = lastOf(rows, taken, query.get(name))
    if (cursor !== null) next.set(name, cursor)
  }
  const isLater = query.has('hq') || query.has('dx')
  const content = html`${absent.map((reading) => absence(reading))}
${panel(
  { id: 'cause', title: 'Cause' },
  html`${facts('cause-facts', [
    ['dataset', html`<a href="${href(['datasets', cause.dataset])}">${cause.dataset}</a>`],
    ['code', codeLink(cause.code)],
    ['place', placeOf(cause.pointer)],
    ['why, in words', taken[0]?.detail ?? 'nobody says'],
    ['who must act', whoActs(cause.code)],
  ])}${whatToDo(cause.code)}`,
)}
${actionsOf(cause, request)}
${table({
  id: 'lines',
  caption: 'Rows of this cause, those that were refused last first',
  rows: taken,
  rowId: ({ side, id }) => `${side}-${id}`,
  empty: 'No open row has this cause any more.',
  columns: [
    {
      title: 'key',
      show: (line) =>
        html`<a href="${lineHref(line)}">${line.key ?? 'without a key'}</a> ${again(line)}`,
    },
    { title: 'in HQ', show: (line) => html`${stateOf('hq', line)} ${idOf('hq', line)}` },
    { title: 'at the source', show: (line) => html`${stateOf('dx', line)} ${idOf('dx', line)}` },
    { title: 'org', show: ({ org }) => org ?? '-' },
    { title: 'why', show: ({ detail }) => detail ?? '-' },
    { title: 'refused', isNumber: true, show: ({ attempts }) => `${count(attempts)}×` },
    { title: 'first seen', show: ({ firstSeen }) => moment(firstSeen) },
    { title: 'last seen', show: ({ lastSeen }) => moment(lastSeen) },
  ],
})}
<p>${isLater && html`<a href="${causeHref(cause)}">Newest</a> `}
${hasMore && html`<a href="${href(['refused'])}?${next.toString()}">Older</a>`}</p>
<p><a href="${href(['refused'])}">Every cause</a></p>`
  return { title: `${cause.code} at ${placeOf(cause.pointer)}`, content }
}
