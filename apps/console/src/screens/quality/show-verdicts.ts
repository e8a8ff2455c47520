import type { Cause, Verdict } from '@hq-export/hq-ingest/quality/verdict.ts'
import type { Content, Html } from '../../page/html.ts'
import { table } from '../../page/table.ts'
import { badge } from '../../page/text.ts'

const WORDS = { pass: 'pass', fail: 'fails', not_enough_rows: 'not enough rows' } as const
const TONES = { pass: 'good', fail: 'bad', not_enough_rows: 'unknown' } as const

/** A measured number as people read it. */
export function measure(value: number | null): string {
  if (value === null) return '-'
  return Number.isInteger(value) ? String(value) : value.toPrecision(3)
}

/** What stands out among the rows, as names and counts. */
export function cause({ what, name, count, of, usual }: Cause): string {
  const before = usual === null ? '' : `, usual ${(usual * 100).toPrecision(3)} %`
  return `${what} ${name}: ${count} of ${of}${before}`
}

export interface VerdictRow extends Verdict {
  /** What names the row beside its check, such as the dataset. */
  readonly subject: string
}

/** What checks came to, against what is usual. */
export function verdictsTable(
  id: string,
  caption: string,
  rows: readonly VerdictRow[],
  empty: string,
): Html {
  return table<VerdictRow>({
    ...{ id, caption, rows, empty },
    rowId: ({ subject, check }) => `${subject}.${check}`,
    columns: [
      { title: 'check', show: ({ subject, check }) => `${subject} ${check}`.trim() },
      {
        title: 'verdict',
        show: ({ verdict, lacks }): Content => [
          badge(TONES[verdict], WORDS[verdict]),
          lacks === null ? '' : ` lacks ${lacks}`,
        ],
      },
      { title: 'measured', show: ({ metric }) => metric },
      { title: 'value', isNumber: true, show: ({ value }) => measure(value) },
      { title: 'fails above', isNumber: true, show: ({ threshold }) => measure(threshold) },
      { title: 'usual', isNumber: true, show: ({ baseline }) => measure(baseline) },
      { title: 'rows', isNumber: true, show: ({ rows: looked }) => String(looked) },
      { title: 'stands out', show: ({ worst }) => worst.slice(0, 3).map(cause).join('; ') || '-' },
    ],
  })
}
