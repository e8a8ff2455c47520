/** A month of the ledger, the unit of its retention; UTC. */
export interface LedgerPartition {
  /** Name of the table in schema ingest. */
  readonly name: string
  /** First instant of the month, and first instant of the next, ISO 8601. */
  readonly from: string
  readonly to: string
}

const NAME_PATTERN = /^batch_(\d{4})_(\d{2})$/

/** The month that holds `time` (milliseconds since the epoch), or one `offset` months later. */
export function partitionAt(time: number, offset = 0): LedgerPartition {
  const at = new Date(time)
  const month = (later: number) =>
    new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + offset + later, 1)).toISOString()
  const from = month(0)
  return { name: `batch_${from.slice(0, 7).replace('-', '_')}`, from, to: month(1) }
}

/** The month that a table is called after; undefined for a name of another kind. */
export function partitionNamed(name: string): LedgerPartition | undefined {
  const [, year, month] = NAME_PATTERN.exec(name) ?? []
  return year === undefined ? undefined : partitionAt(Date.UTC(Number(year), Number(month) - 1, 1))
}
