import { locateMembers, type Span } from '@hq-export/contract'
import { type FoundSecret, findSecrets } from './find-secrets.ts'

/** A row that holds credentials. */
export interface RedactedRow {
  /** Column of the first; null where a column's name is what holds it. */
  readonly column: string | null
  /** Rules that found something, each once. */
  readonly rules: readonly string[]
  /** The row with every value that holds a credential replaced; the rest exactly as it was sent. */
  readonly text: string
}

function placeholderOf(found: readonly FoundSecret[]): string {
  return JSON.stringify({ redacted: found })
}

/**
 * Looks for credentials in the values and names of a row.
 * @param text valid JSON text that holds the row at `span`.
 * @returns undefined where there is none.
 */
export function redactRow(text: string, { start, end }: Span): RedactedRow | undefined {
  const found = findSecrets(text.slice(start, end))
  if (found.length === 0) return undefined
  const members: string[] = []
  let column: string | null | undefined
  for (const [name, span] of locateMembers(text, start)) {
    const value = text.slice(span.start, span.end)
    const inName = findSecrets(JSON.stringify(name))
    const inValue = findSecrets(value)
    if (column === undefined && inName.length > 0) column = null
    if (column === undefined && inValue.length > 0) column = name
    const shownName = inName.length > 0 ? `redacted: ${inName[0]?.sha256}` : name
    const shownValue = inValue.length > 0 ? placeholderOf(inValue) : value
    members.push(`${JSON.stringify(shownName)}:${shownValue}`)
  }
  // Found in no member: it stood in one that a later one of the same name replaces, and is not among these any more.
  const rules = [...new Set(found.map(({ rule }) => rule))]
  return { column: column ?? null, rules, text: `{${members.join(',')}}` }
}
