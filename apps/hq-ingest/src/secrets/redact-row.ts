import { locateMembers, type Span } from '@hq-export/contract'
import { type FoundSecret, findSecrets, MAX_LOOK_ALIKES } from './find-secrets.ts'

/** A row that holds credentials. */
export interface RedactedRow {
  /**
   * Column of the first; null where a column's name is what holds it, or where nobody looked which.
   */
  readonly column: string | null
  /** Rules that found something, each once. */
  readonly rules: readonly string[]
  /** The row with every value that holds a credential replaced; the rest exactly as it was sent. */
  readonly text: string
}

/**
 * Members that are searched one by one; a row with more of them than any dataset has columns is
 * replaced as a whole.
 */
const MAX_MEMBERS = 1_000

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
  const rules = [...new Set(found.map(({ rule }) => rule))]
  const located = locateMembers(text, start)
  if (located.size > MAX_MEMBERS) return { column: null, rules, text: placeholderOf(found) }
  const members: string[] = []
  // Of all values: a row is searched as far as it was above, and no member after that is believed
  // to hold nothing.
  const budget = { lookAlikes: MAX_LOOK_ALIKES }
  let column: string | null | undefined
  for (const [name, span] of located) {
    const value = text.slice(span.start, span.end)
    const inName = findSecrets(JSON.stringify(name))
    const inValue = findSecrets(value, budget)
    if (column === undefined && inName.length > 0) column = null
    if (column === undefined && inValue.length > 0) column = name
    const shownName = inName.length > 0 ? `redacted: ${inName[0]?.sha256}` : name
    const shownValue = inValue.length > 0 ? placeholderOf(inValue) : value
    members.push(`${JSON.stringify(shownName)}:${shownValue}`)
  }
  // Found in no member: it stood in one that a later one of the same name replaces, and is not
  // among these any more.
  return { column: column ?? null, rules, text: `{${members.join(',')}}` }
}
