import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'

/** SQL over `old` and `new`: the update gave the row another key. */
export function keyChanged({ key }: BoundDataset): string {
  const list = (row: string): string =>
    key.map((column) => `${row}.${pg.escapeIdentifier(column)}`).join(', ')
  return `(${list('new')}) is distinct from (${list('old')})`
}
