import { BALANCE_PARTS, type BalanceRow, balanceDifference } from '@hq-export/contract'
import { table } from '@hq-export/runtime/table.ts'

/** Sum of the differences of each dataset, whatever their sign. */
export function differencesByDataset(rows: readonly BalanceRow[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const row of rows) {
    const sum = sums.get(row.dataset) ?? 0
    sums.set(row.dataset, sum + Math.abs(balanceDifference(row)))
  }
  return sums
}

/** The balance of days for people. */
export function printBalance(rows: readonly BalanceRow[]): string {
  if (rows.length === 0) return 'nothing was counted'
  const head = ['day', 'dataset', 'captured', ...BALANCE_PARTS, 'difference']
  const cells = rows.map((row) => [
    ...[row.day, row.dataset, String(row.captured)],
    ...BALANCE_PARTS.map((part) => String(row[part])),
    String(balanceDifference(row)),
  ])
  return table([head, ...cells], 2)
}
