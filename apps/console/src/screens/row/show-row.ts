import { DATASETS } from '@hq-export/contract'
import { actionLink } from '../../page/action-link.ts'
import { choices } from '../../page/form.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html, NOTHING } from '../../page/html.ts'
import { absence, empty, panel } from '../../page/panel.ts'
import type { PageRequest } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { badge, moment } from '../../page/text.ts'
import { traceLink } from '../../page/trace-link.ts'
import type { RowVerdict } from './judge-row.ts'
import { type InHq, MAX_VERSIONS } from './read-hq-row.ts'
import type { RowReadings } from './read-row.ts'
import { batchLink, type RowEvent } from './timeline.ts'

/** The form that asks for a row; what was asked for stays in it. */
export function searchForm(dataset: string, key: string): Html {
  return html`<form method="get" action="/row" class="filter" role="search" id="row-search">
<label>dataset <select name="dataset">${choices(
    DATASETS.map(({ name }) => name),
    dataset,
  )}</select></label>
<label>key <input type="search" name="key" value="${key}" size="76" maxlength="500" required autocomplete="off" spellcheck="false" aria-describedby="key-help"></label>
<button>Find</button>
</form>
<p class="none" id="key-help">As the contract writes it: <code>org_id/entity_id</code>, <code>run_id</code>, <code>event_id</code> or <code>snapshot_id</code>; or by columns, <code>org_id=… entity_id=…</code>.</p>`
}

function sourceFacts({ dx }: RowReadings): Content {
  if (dx.state !== 'read') return absence(dx)
  const { state, outbox, notes, letters } = dx.value
  const has = {
    found: 'yes',
    absent: notes.deletedAt === null && notes.removedAt === null ? 'no' : 'no: deleted',
    filtered: 'yes, outside of the filter of its binding',
    'not ended': 'yes, and it has not ended',
    'not bound': 'the dataset is not bound',
    'not looked for': 'not looked for',
  }[state.kind]
  const version = state.kind === 'found' ? state.version : notes.deletedVersion
  const waiting = outbox.entries.filter(({ isSettled }) => !isSettled).length
  const { lookedBackTo } = outbox
  return html`${facts('source-facts', [
    ['has it', has],
    ['version', version ?? html`<span class="none">none</span>`],
    ['table', notes.sourceTable ?? html`<span class="none">none</span>`],
    ['captured since', moment(notes.capturedSince)],
    ['changes that wait', String(waiting)],
    ['dead letters of it', String(letters.length)],
  ])}
${state.kind === 'not looked for' ? html`<p class="empty">${state.why}.</p>` : NOTHING}
<p class="empty">The outbox shows what it still holds: a table of it is emptied minutes after everything in it was settled.${
    lookedBackTo === null
      ? ''
      : html` It holds much now: only its newest rows were looked at, back to ${moment(lookedBackTo)}, because no index of it serves.`
  }</p>`
}

function hqFacts({ rows, ledgers }: RowReadings): Content {
  if (rows.state !== 'read') return absence(rows)
  const { row } = rows.value
  const from = ledgers.state === 'read' ? ledgers.value.firstMonth?.replace('_', '-') : undefined
  const history =
    from === undefined
      ? NOTHING
      : html`<p class="empty">Batches are kept since ${from}; of older ones the row has no more than the id.</p>`
  if (row === undefined)
    return html`${facts('hq-facts', [['has it', 'no']])}
${history}`
  return html`${facts('hq-facts', [
    ['has it', row.deletedAt === null ? 'yes' : 'yes, as deleted'],
    ['version', row.version ?? html`<span class="none">none</span>`],
    ['org', html`<code>${row.orgId}</code>`],
    ['source', row.source],
    ['brought by', batchLink(row.source, row.batch)],
    ['written', moment(row.ingestedAt)],
    ['deleted', row.deletedAt === null ? 'no' : moment(row.deletedAt)],
    ['columns that HQ does not know', row.hasExtra ? 'yes' : 'none'],
  ])}
${history}`
}

function versionsPanel({ versions, hasMore }: InHq): Html {
  return panel(
    { id: 'versions', title: 'Versions in HQ' },
    html`${table({
      id: 'version-list',
      caption: 'Snapshots of the entity, the newest first',
      rows: versions,
      rowId: ({ version }) => version,
      empty: 'No snapshot. One comes with each version of the entity, where its binding has them.',
      columns: [
        { title: 'version', isNumber: true, show: ({ version }) => version },
        { title: 'at the source', show: ({ capturedAt }) => moment(capturedAt) },
        { title: 'in HQ', show: ({ ingestedAt }) => moment(ingestedAt) },
        { title: 'batch', show: ({ source, batch }) => batchLink(source, batch) },
        {
          title: 'snapshot',
          show: ({ id }) =>
            html`<a href="${href(['row'], { dataset: 'dx_entity_snapshots_v1', key: id })}"><code>${id}</code></a>`,
        },
      ],
    })}
${hasMore ? empty(`There are more; these are the newest ${MAX_VERSIONS}.`) : NOTHING}`,
  )
}

function timelinePanel({ jaegerUrl }: PageRequest, events: readonly RowEvent[]): Html {
  return panel(
    { id: 'timeline', title: 'What became of it' },
    table({
      id: 'events',
      caption: 'Everything that either side still knows of this key, the oldest first',
      rows: events,
      rowId: ({ id }) => id,
      empty:
        'Nothing is known of this key: it was not captured lately, not refused, ' +
        'not applied, and no comparison named it.',
      columns: [
        { title: 'when (UTC)', show: ({ at }) => moment(at) },
        { title: 'where', show: ({ place }) => place },
        { title: 'step', show: ({ step }) => step },
        { title: 'what', show: ({ what }) => what },
        { title: 'trace', show: ({ trace }) => traceLink(jaegerUrl, trace) },
      ],
    }),
  )
}

/** Links to what can be done about the state of a row. */
function nextSteps(request: PageRequest, verdict: RowVerdict, dataset: string): Html {
  switch (verdict.state) {
    case 'refused':
      return html`<p><a href="${href(['refused'], { dataset })}">What is refused of ${dataset}</a></p>`
    case 'only at the source':
    case 'behind':
      return html`<p><a href="${href(['verify'])}">Reconciliations</a> ${actionLink(request, 'operator', 'Verify now', { do: 'verify.now', dataset })} ${actionLink(request, 'operator', 'Backfill', { do: 'backfill.start', dataset })}</p>`
    case 'different':
    case 'ahead':
    case 'only in HQ':
      return html`<p><a href="${href(['verify'])}">Reconciliations</a></p>`
    default:
      return NOTHING
  }
}

/** The page of one row. */
export function showRow(
  request: PageRequest,
  readings: RowReadings,
  verdict: RowVerdict,
  events: readonly RowEvent[],
): Html {
  const { dataset, key, rows, ledgers, entity } = readings
  return html`${searchForm(dataset.name, key)}
${entity === undefined ? NOTHING : html`<p>A version of <a href="${href(['row'], { dataset: entity.dataset.name, key: entity.key })}">this entity</a>.</p>`}
${nextSteps(request, verdict, dataset.name)}
${timelinePanel(request, events)}
${panel({ id: 'source', title: 'At the source' }, sourceFacts(readings))}
${panel({ id: 'hq', title: 'In HQ' }, hqFacts(readings))}
${ledgers.state === 'read' ? NOTHING : panel({ id: 'ledgers', title: 'Refusals and comparisons of HQ' }, absence(ledgers))}
${rows.state === 'read' && dataset.versionColumn !== undefined ? versionsPanel(rows.value) : NOTHING}`
}

/** The answer in one line. */
export function answer({ state, tone, sentence }: RowVerdict): Html {
  return html`${badge(tone, state)} ${sentence}`
}
