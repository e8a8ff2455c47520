import { table } from '@hq-export/runtime/table.ts'
import type { DatasetComparison } from './compare-databases.ts'
import type { Difference } from './merge-rows.ts'

/** What the demo concludes. */
export interface Verdict {
  readonly isGood: boolean
  /** Lines to print. */
  readonly lines: readonly string[]
}

const SHOWN_CHARACTERS = 60

function count(number: number): string {
  return number.toLocaleString('en-US')
}

/** A value as it may be shown: quoted, with nothing that would move the cursor, and short. */
function show(value: string | null): string {
  if (value === null) return 'NULL'
  const quoted = JSON.stringify(value)
  return quoted.length <= SHOWN_CHARACTERS
    ? quoted
    : `${quoted.slice(0, SHOWN_CHARACTERS)}... (${value.length} characters)`
}

function describe(difference: Difference): string[] {
  if (difference.kind !== 'columns differ') return [`    ${difference.key}: ${difference.kind}`]
  return [
    `    ${difference.key}:`,
    ...difference.columns.map(
      ({ name, source, hq }) => `      ${name}: source ${show(source)}, HQ ${show(hq)}`,
    ),
  ]
}

/**
 * Judges a comparison: good if no dataset differs and none is empty, since an empty one proves
 * nothing.
 */
export function judge(comparisons: readonly DatasetComparison[]): Verdict {
  const overview = [
    ['dataset', 'rows in source', 'rows in HQ', 'refused', 'differences'],
    ...comparisons.map(({ dataset, sourceRows, hqRows, refused, differences }) => [
      dataset,
      count(sourceRows),
      count(hqRows),
      count(refused),
      count(differences),
    ]),
  ]
  const lines = [table(overview, 1)]
  for (const { dataset, differences, examples } of comparisons) {
    if (differences === 0) continue
    lines.push(
      '',
      `  ${dataset}, the first of ${count(differences)}:`,
      ...examples.flatMap(describe),
    )
  }
  const differing = comparisons.filter(({ differences }) => differences > 0)
  const empty = comparisons.filter(({ sourceRows }) => sourceRows === 0)
  const rows = comparisons.reduce((sum, { sourceRows }) => sum + sourceRows, 0)
  const refused = comparisons.reduce((sum, comparison) => sum + comparison.refused, 0)
  lines.push('')
  if (differing.length > 0) {
    lines.push(`verdict: DIFFERENT in ${differing.map(({ dataset }) => dataset).join(', ')}`)
  } else if (empty.length > 0) {
    lines.push(`verdict: NO ROWS in ${empty.map(({ dataset }) => dataset).join(', ')}`)
  } else {
    const but = refused === 0 ? '' : `; ${count(refused)} of them HQ refused, as the source knows`
    lines.push(
      `verdict: EQUAL, every column of ${count(rows)} rows in ${comparisons.length} datasets${but}`,
    )
  }
  return { isGood: differing.length === 0 && empty.length === 0, lines }
}
