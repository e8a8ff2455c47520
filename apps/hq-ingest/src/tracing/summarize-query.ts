/** Statements are our own and few; what exceeds this is computed again. */
const MAX_KNOWN = 500

const known = new Map<string, string>()

const WRITE = /\b(insert into|delete from|merge into|update)\s+([a-z_]+\.[a-z_0-9]+)/
const READ = /\bfrom\s+((?!pg_catalog\.)[a-z_]+\.[a-z_0-9]+)(?!\s*\()/
const FUNCTION = /\bselect\s+(?:pg_catalog\.)?([a-z_0-9.]+)\s*\(/
const COMMAND = /^\s*([a-z]+(?:\s+to\s+savepoint)?)/

function summarize(text: string): string {
  const write = WRITE.exec(text)
  if (write !== null) return `${write[1]?.split(' ')[0]?.toUpperCase()} ${write[2]}`
  const read = READ.exec(text)
  if (read !== null) return `SELECT ${read[1]}`
  const called = FUNCTION.exec(text)
  if (called !== null) return `SELECT ${called[1]}`
  return COMMAND.exec(text)?.[1]?.toUpperCase() ?? 'statement'
}

/**
 * What a statement does and to which table, as the name of its span (semantic conventions,
 * `db.query.summary`).
 */
export function summarizeQuery(text: string): string {
  let summary = known.get(text)
  if (summary === undefined) {
    summary = summarize(text)
    if (known.size < MAX_KNOWN) known.set(text, summary)
  }
  return summary
}
