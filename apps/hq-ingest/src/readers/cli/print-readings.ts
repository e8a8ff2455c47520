import { table } from '@hq-export/runtime/table.ts'
import type { Readings } from '../read-readings.ts'

/** Readers for people. */
export function printReadings({ versions, readers, unseen }: Readings): string {
  const names = (logins: readonly string[]) => logins.join(', ') || 'none'
  return [
    table([
      ['dataset', 'last read', 'nothing missed since', 'looked at'],
      ...versions.map(({ dataset, readAt, watchedSince, lookedAt }) => [
        dataset,
        readAt ?? 'never seen',
        watchedSince,
        lookedAt,
      ]),
    ]),
    `logins that may read: ${names(readers)}`,
    `logins whose reads are not seen: ${names(unseen)}`,
  ].join('\n')
}
