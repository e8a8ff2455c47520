import { SHOWN_CHARS } from '@hq-export/runtime/shown-text.ts'
import { table } from '@hq-export/runtime/table.ts'
import type { ListedDeadLetter } from '../list-dead-letters.ts'
import type { ReplaySummary } from '../replay-dead-letters.ts'
import type { ShownDeadLetter } from '../show-dead-letter.ts'

/** Dead letters for people. */
export function printDeadLetters(letters: readonly ListedDeadLetter[]): string {
  if (letters.length === 0) return 'no dead letters'
  return table([
    ['id', 'dataset', 'reason', 'attempts', 'last failed', 'resolved', 'key'],
    ...letters.map(({ id, dataset, reason, attempts, last_failed_at, resolution, key }) => [
      id,
      dataset,
      reason,
      String(attempts),
      last_failed_at,
      resolution ?? '-',
      key ?? '-',
    ]),
  ])
}

/** One dead letter for people; its values only where they were read. */
export function printDeadLetter(letter: ShownDeadLetter): string {
  const { body, body_bytes, ...facts } = letter
  const hidden = body_bytes === null ? 'none was kept' : `${body_bytes} bytes, hidden; see --values`
  const isCut = body != null && body_bytes !== null && Buffer.byteLength(body) < body_bytes
  return table([
    ...Object.entries(facts).map(([name, value]) => [name, value === null ? '-' : String(value)]),
    ['body', body ?? hidden],
    ...(isCut ? [['', `the first ${SHOWN_CHARS} characters of ${body_bytes} bytes`]] : []),
  ])
}

/** Ids that were asked for and do not exist, for people. */
export function printMissing(ids: readonly string[]): string[] {
  return ids.length === 0 ? [] : [`no dead letter ${ids.join(', ')}; list shows them`]
}

/** What a replay did, for people. */
export function printReplay(summary: ReplaySummary): string {
  const { dry_run, selected, sent, gone, not_replayable } = summary
  const verb = dry_run ? 'would be sent' : 'sent'
  return [
    `${selected} selected: ${sent} ${verb} again, ${gone} deleted in the source since, ` +
      `${not_replayable.length} not replayable`,
    ...not_replayable.map(({ id, dataset, reason, why }) => `${id}  ${dataset}  ${reason}: ${why}`),
  ].join('\n')
}
