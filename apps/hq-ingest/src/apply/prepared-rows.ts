import type { StoredProfile } from '../profile/row-counts.ts'

/**
 * Rows that the contract allows and that their key may write, as PostgreSQL takes them and in the
 * order of their keys: all that writing them needs, as long as nothing stands against any of them.
 */
export interface PreparedRows {
  readonly count: number
  /** Rows sent as the last state of a deleted entity. */
  readonly deleted: number
  /** Some key comes more than once. */
  readonly hasRepeatedKey: boolean
  /** Lines of COPY text, each ended by `tail`. */
  copyText(tail: Uint8Array): Buffer
  /** What the rows are like, all of them. @param nowMs milliseconds since the epoch. */
  countRows(nowMs: number): { toStored(): StoredProfile }
  /** The parameters of `arraysFrom`, in order. */
  columnArrays(): string[]
  /** Texts of a column of uuids or numbers, of every `step`th row. */
  sample(column: string, step: number): string[]
}
