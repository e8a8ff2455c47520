import type pg from 'pg'

/*
 * COPY TO in binary format (PostgreSQL, "COPY", File Formats): a header, then a tuple for each row,
 * which begins with the number of its fields, each behind its size; -1 ends them. The server sends
 * one message per row (protocol, CopyData), the header by itself or before the first.
 *
 * It is the way to values as bytes: of every other answer pg makes strings.
 */

/** Signature, flags, and the size of an extension that no version has. */
const HEADER_BYTES = 19
const FIELD_COUNT_BYTES = 2
const END = -1

/** Takes the fields of a row, from `at` on, during the call alone: the bytes are used again. */
export type TakeRow = (bytes: Buffer, at: number) => void

class CopyOut {
  readonly #statement: string
  readonly #takeRow: TakeRow
  readonly #end = Promise.withResolvers<void>()
  #hasBegun = false

  constructor(statement: string, takeRow: TakeRow) {
    this.#statement = statement
    this.#takeRow = takeRow
  }

  /** Resolves when the session can do something else; rejects with the error of the statement. */
  get ended(): Promise<void> {
    return this.#end.promise
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#statement)
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    const at = this.#hasBegun ? 0 : HEADER_BYTES
    this.#hasBegun = true
    if (at === chunk.length || chunk.readInt16BE(at) === END) return
    this.#takeRow(chunk, at + FIELD_COUNT_BYTES)
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#end.resolve()
  }

  handleError(error: Error): void {
    this.#end.reject(error)
  }
}

/**
 * Runs a query, and shows its rows as they arrive.
 * @param query without parameters.
 * @param takeRow must not throw.
 * @throws what the query throws.
 */
export async function copyOut(
  client: pg.ClientBase,
  query: string,
  takeRow: TakeRow,
): Promise<void> {
  const copy = new CopyOut(`copy (${query}) to stdout (format binary)`, takeRow)
  client.query(copy)
  await copy.ended
}
