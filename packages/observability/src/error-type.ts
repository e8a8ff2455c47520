/**
 * What kind of error it was, never its message: PostgreSQL's and parsers' quote what they were
 * given.
 */
export function errorType(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  if (typeof code === 'string' || typeof code === 'number') return String(code)
  return typeof name === 'string' ? name : 'unknown'
}
