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
  /** What COPY takes in binary; `tail` are the texts of the fields that end each row. */
  copyBytes(tail: readonly (string | null)[]): Buffer
  /** What the rows are like, all of them. @param nowMs milliseconds since the epoch. */
  countRows(nowMs: number): { toStored(): StoredProfile }
  /** The parameters of `arraysFrom`, in order; bytes are in binary. */
  columnArrays(): (string | Buffer)[]
  /** Texts of a column of uuids or numbers, of every `step`th row. */
  sample(column: string, step: number): string[]
}
