import { parseTraceparent } from '@hq-export/contract'
import { DATA_ENGINE_X } from '@hq-export/outbox-relay/session/why-not-connected.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html } from '../../page/html.ts'
import type { RowFacts } from './judge-row.ts'
import type { AtSource, Letter } from './read-at-source.ts'
import type { InHq } from './read-hq-row.ts'
import type { InLedgers, Quarantined } from './read-ledgers.ts'

/** Something that became of a row. */
export interface RowEvent {
  /** Stable and unique among the events of a row. */
  readonly id: string
  /** ISO 8601, UTC, by the clock of `place`. */
  readonly at: string
  readonly place: string
  readonly step: string
  readonly what: Content
  readonly trace?: string | null | undefined
}

type Draft = Omit<RowEvent, 'at' | 'place'> & { readonly at: string | null }

/** A link to what the ledger keeps of a batch. */
export function batchLink(source: string, batch: string): Html {
  return html`<a href="${href(['batches', source, batch])}">batch ${batch}</a>`
}

const SETTLED = 'delivered, or put aside; the outbox keeps it until its table is emptied'

function fromOutbox({ outbox }: AtSource): Draft[] {
  return outbox.entries.map(
    ({ seq, capturedAt, version, deleted, sqlstate, traceparent, isSettled }) => ({
      id: `outbox-${seq}`,
      at: capturedAt,
      step: isSettled ? 'captured' : 'waiting',
      what: html`${deleted ? 'delete' : 'change'}${version === null ? '' : ` as version ${version}`}: ${isSettled ? SETTLED : 'waits in the outbox for the relay'}${sqlstate === null ? '' : `; could not be projected (SQLSTATE ${sqlstate})`}`,
      trace: parseTraceparent(traceparent)?.traceId,
    }),
  )
}

function fromLetter(letter: Letter): Draft[] {
  const { id, reason, detail, attempts, resolution, replayCount, retryAt } = letter
  const trace = parseTraceparent(letter.traceparent)?.traceId
  const letterLink = html`<a href="${href(['refused', `dx-${id}`])}">dead letter ${id}</a>`
  const why = html`${letterLink}: <a href="${href(['help', reason])}">${reason}</a>${detail === null ? '' : `, ${detail}`}`
  const again = retryAt === null ? '' : `; the relay tries again at ${retryAt}`
  return [
    {
      id: `letter-${id}-captured`,
      at: letter.capturedAt,
      step: 'captured',
      what: `the ${letter.deleted ? 'delete' : 'change'} that is dead letter ${id}`,
      trace,
    },
    {
      id: `letter-${id}`,
      at: letter.firstFailedAt,
      step: 'refused',
      what: html`${why}${again}`,
      trace,
    },
    {
      id: `letter-${id}-again`,
      at: attempts > 1 ? letter.lastFailedAt : null,
      step: 'refused',
      what: `dead letter ${id} once more, ${attempts} times; sent again ${replayCount} times`,
      trace,
    },
    {
      id: `letter-${id}-${resolution}`,
      at: letter.resolvedAt,
      step: resolution ?? 'resolved',
      what: `dead letter ${id}`,
      trace,
    },
  ]
}

function fromNotes({ notes }: AtSource): Draft[] {
  const { deletedVersion, settlingSince, dueAt, resendReason, comparedState } = notes
  return [
    {
      id: 'deleted',
      at: notes.deletedAt,
      step: 'deleted',
      what: `at the source, as version ${deletedVersion}`,
    },
    {
      id: 'removed',
      at: notes.removedAt,
      step: 'deleted',
      what: 'at the source; HQ keeps rows of this dataset',
    },
    { id: 'settling', at: settlingSince, step: 'settling', what: `exported at about ${dueAt}` },
    {
      id: 'resend',
      at: notes.resendSince,
      step: 'waiting',
      what: `to be sent once more: ${resendReason}`,
    },
    {
      id: 'compared',
      at: notes.comparedAt,
      step: 'compared',
      what: `the range of keys that it lies in, as a whole: ${comparedState}`,
    },
  ]
}

function fromQuarantine(entry: Quarantined): Draft[] {
  const { id, code, pointer, detail, seenCount, resolution, resolvedBy } = entry
  const link = batchLink(entry.source, entry.batch)
  const entryLink = html`<a href="${href(['refused', `hq-${id}`])}">entry ${id}</a>`
  const why = html`${entryLink} of the quarantine: <a href="${href(['help', code])}">${code}</a>${pointer === null ? '' : html` at <code>${pointer}</code>`}${detail === null ? '' : `, ${detail}`}`
  return [
    {
      id: `entry-${id}`,
      at: entry.firstSeenAt,
      step: 'refused',
      what: html`${why}; in ${link}`,
      trace: entry.traceId,
    },
    {
      id: `entry-${id}-again`,
      at: seenCount > 1 ? entry.lastSeenAt : null,
      step: 'refused',
      what: html`entry ${id} once more, ${seenCount} times in all; last in ${link}`,
      trace: entry.traceId,
    },
    {
      id: `entry-${id}-${resolution}`,
      at: entry.resolvedAt,
      step: resolution ?? 'resolved',
      what: `entry ${id} of the quarantine, by ${resolvedBy ?? 'nobody'}`,
    },
  ]
}

function fromFindings({ findings }: InLedgers): Draft[] {
  return findings.map((finding) => {
    const { run, kind, repair, reason, columns, sourceVersion, hqVersion } = finding
    const versions = `source version ${sourceVersion ?? 'none'}, HQ version ${hqVersion ?? 'none'}`
    const named = columns.length === 0 ? '' : `; columns ${columns.join(', ')}`
    const sent = repair === 'none' ? '' : `; repair: ${repair}`
    return {
      id: `finding-${finding.source}-${run}`,
      at: finding.finishedAt,
      step: 'compared',
      what: html`<a href="${href(['verify', run])}">${kind} reconciliation</a>: ${finding.class}, ${versions}${named}${sent}${reason === null ? '' : `; ${reason}`}`,
    }
  })
}

function fromHq({ row, versions }: InHq): Draft[] {
  const earlier = versions.filter(({ version }) => version !== row?.version)
  return [
    ...earlier.map(({ version, id, ingestedAt, source, batch, traceId }) => ({
      id: `version-${id}`,
      at: ingestedAt,
      step: 'applied',
      what: html`version ${version} by ${batchLink(source, batch)}`,
      trace: traceId,
    })),
    ...(row === undefined
      ? []
      : [
          {
            id: 'row',
            at: row.ingestedAt,
            step: 'applied',
            what: html`${row.version === null ? 'the row' : `version ${row.version}`}${row.deletedAt === null ? '' : ', the delete'}, as HQ has it now, by ${batchLink(row.source, row.batch)}`,
            trace: row.traceId,
          },
        ]),
  ]
}

/** Everything that is known to have become of a row, oldest first. */
export function timelineOf({ source, hq, ledgers }: RowFacts): RowEvent[] {
  const at = (place: string, drafts: readonly Draft[]) =>
    drafts.flatMap(({ at, ...rest }): RowEvent[] => (at === null ? [] : [{ ...rest, at, place }]))
  return [
    ...(source === undefined
      ? []
      : at(DATA_ENGINE_X.name, [
          ...fromOutbox(source),
          ...source.letters.flatMap(fromLetter),
          ...fromNotes(source),
        ])),
    ...(hq === undefined ? [] : at('HQ', fromHq(hq))),
    ...(ledgers === undefined
      ? []
      : at('HQ', [...ledgers.quarantined.flatMap(fromQuarantine), ...fromFindings(ledgers)])),
  ].sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0))
}
