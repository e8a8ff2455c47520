import { datasetByName, datasetByNumber } from '@hq-export/contract'
import {
  isRowFault,
  isStatementFault,
  MAX_STATEMENT_FAULTS,
} from '@hq-export/runtime/postgres/row-fault.ts'
import type pg from 'pg'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'
import { tooLargeDetail } from '../outbox/row-size.ts'
import { takeTick } from '../outbox/tick.ts'
import type { WireRows } from '../outbox/wire-rows.ts'
import { chunkStatement, nextKeyStatement } from './chunk-sql.ts'
import type { Pass } from './pass.ts'
import { type PassRelation, relationOf } from './pass-relation.ts'
import type { RowSelection } from './selection.ts'

/** Bytes of bodies in one chunk; one row may exceed them alone, by what HQ takes of a row. */
const MAX_BYTES = 2 * 1024 * 1024
/** Rows that one statement looks at at most, where few of them are wanted. */
const MAX_SCAN = 20_000

/** The next part of a pass. */
export interface Chunk {
  readonly wireRows: readonly WireRows[]
  /** Rows that PostgreSQL could not project, and rows that are larger than HQ takes. */
  readonly failed: readonly DeadLetter[]
  /** Rows that were looked at. */
  readonly scanned: number
  /** Key of the last row that was looked at. */
  readonly last: readonly string[]
}

interface ChunkRow {
  scanned: number
  matched: number
  is_cut: boolean
  last: string[] | null
  dataset: number | null
  row_count: number
  /** Null where the line tells of a row that is too large. */
  text: string | null
  key: string[] | null
  bytes: number | null
}

/** A row that goes no further, without its body: a dead letter, so that the others go on. */
async function letterOf(
  client: pg.ClientBase,
  pass: Pass,
  key: readonly string[],
  why: Pick<DeadLetter, 'dataset' | 'reason' | 'detail'> & { readonly sqlstate: string | null },
): Promise<DeadLetter> {
  const { sqlstate, ...reason } = why
  const { rows } = await client.query<{ xid: string; at: string }>(
    `select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text as xid,
            pg_catalog.to_json(pg_catalog.clock_timestamp()) #>> '{}' as at`,
  )
  return {
    ...reason,
    batch: null,
    row: {
      dataset: datasetByName(reason.dataset).number,
      key: key.join('/'),
      xid: rows[0]?.xid ?? '0',
      seq: null,
      capturedAt: rows[0]?.at ?? '',
      deleted: pass.kind === 'deletes',
      traceparent: null,
      sqlstate,
      body: null,
    },
  }
}

/** How many rows the next statement looks at, if they are like those of the last. */
function nextScan({ scanned, matched, is_cut }: ChunkRow, maxRows: number): number {
  // Bodies that no longer fitted were made in vain: hardly more than what did fit.
  if (is_cut) return Math.min(MAX_SCAN, Math.ceil(scanned * 1.1))
  // As many as it takes to find about `maxRows` that are wanted, in steps.
  const density = Math.max(matched, 1) / scanned
  return Math.min(MAX_SCAN, scanned * 2, Math.max(maxRows, Math.ceil(maxRows / density)))
}

/** A chunk and the rows that were left out before it, as one. */
function after(before: Chunk | undefined, chunk: Chunk): Chunk {
  if (before === undefined) return chunk
  return {
    ...chunk,
    failed: [...before.failed, ...chunk.failed],
    scanned: before.scanned + chunk.scanned,
  }
}

/**
 * Reads a pass chunk by chunk, each in a statement of its own: nothing is held open while a chunk
 * is being delivered.
 */
export class ChunkReader {
  readonly #client: pg.ClientBase
  readonly #pass: Pass
  readonly #relation: PassRelation
  readonly #selection: RowSelection
  #after: readonly string[] | null
  #scan: number | undefined
  #isDone = false
  #hasRead = false

  /**
   * @param after key to begin behind; null for the beginning.
   * @param deletedBefore see {@link relationOf}.
   */
  constructor(
    client: pg.ClientBase,
    pass: Pass,
    selection: RowSelection,
    after: readonly string[] | null,
    deletedBefore?: string,
  ) {
    this.#client = client
    this.#pass = pass
    this.#relation = relationOf(pass, deletedBefore)
    this.#selection = selection
    this.#after = after
  }

  /**
   * A row of which a statement's fault is told (a column or a right is missing) is left out once
   * another can be read; where none can, the statement is wrong, and no row.
   * @param maxRows rows that travel well together.
   * @returns undefined where nothing is left.
   * @throws the fault of a statement that reads no row.
   */
  async next(maxRows: number): Promise<Chunk | undefined> {
    let hasFailed = false
    let doubtful: Chunk | undefined
    let fault: unknown
    for (let maxScan = this.#scan ?? maxRows; !this.#isDone; ) {
      try {
        const chunk = await this.#read(maxScan, maxRows)
        // Twice as many have failed: the row that refuses is among as many as these.
        if (hasFailed) this.#scan = maxScan
        if (chunk !== undefined) return after(doubtful, chunk)
      } catch (error) {
        if (!isRowFault(error)) throw error
        if (maxScan > 1) {
          // One row of these refuses: it is alone after a few halvings.
          hasFailed = true
          maxScan = Math.ceil(maxScan / 2)
          continue
        }
        const skipped = await this.#skip(error.code)
        // Gone meanwhile: read on.
        if (skipped === undefined) continue
        doubtful = after(doubtful, skipped)
        if (!isStatementFault(error)) return doubtful
        fault = error
        if (doubtful.failed.length === MAX_STATEMENT_FAULTS) throw fault
      }
    }
    if (doubtful !== undefined && !this.#hasRead) throw fault
    return doubtful
  }

  async #read(maxScan: number, maxRows: number): Promise<Chunk | undefined> {
    const limits = { maxScan, maxBytes: MAX_BYTES }
    const { text, values } = chunkStatement(this.#relation, this.#selection, this.#after, limits)
    const { rows } = await this.#client.query<ChunkRow>(text, [...values])
    // What a crash could still undo must not reach HQ. A tick after the read covers everything that
    // the read has shown.
    await takeTick(this.#client)
    const [first] = rows
    if (first === undefined) throw new Error('a chunk has an extent')
    const { scanned, last } = first
    this.#isDone = !first.is_cut && scanned < maxScan
    this.#hasRead ||= scanned > 0
    if (last === null) return undefined
    this.#after = last
    this.#scan = nextScan(first, maxRows)
    const wireRows = rows.flatMap(({ dataset, row_count: rowCount, text: rowsText }): WireRows[] =>
      dataset === null || rowsText === null
        ? []
        : [{ dataset, rowCount, text: Buffer.from(rowsText) }],
    )
    const failed: DeadLetter[] = []
    for (const { dataset, key, bytes } of rows) {
      if (dataset === null || key === null || bytes === null) continue
      const { name } = datasetByNumber(dataset)
      const why = {
        dataset: name,
        reason: 'too_large',
        detail: tooLargeDetail(bytes),
        sqlstate: null,
      }
      failed.push(await letterOf(this.#client, this.#pass, key, why))
    }
    return { wireRows, failed, scanned, last }
  }

  async #skip(code: string): Promise<Chunk | undefined> {
    const { text, values } = nextKeyStatement(this.#relation, this.#selection, this.#after)
    const { rows } = await this.#client.query<{ key: string[] }>(text, [...values])
    const key = rows[0]?.key
    if (key === undefined) return undefined
    this.#after = key
    this.#scan = 2
    const failed = await letterOf(this.#client, this.#pass, key, {
      dataset: this.#pass.dataset,
      reason: 'projection_failed',
      detail: `SQLSTATE ${code}`,
      sqlstate: code,
    })
    return { wireRows: [], failed: [failed], scanned: 1, last: key }
  }
}
