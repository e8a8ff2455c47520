/** SQL of a moment as text: ISO 8601, UTC, microseconds; sorts as it reads. */
export function instantSql(expression: string): string {
  return `pg_catalog.to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}
