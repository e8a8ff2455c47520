import { finished } from 'node:stream/promises'
import type { Dataset } from '@hq-export/contract'
import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import { joinTexts } from '@hq-export/runtime/join-texts.ts'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { traceWrite } from '../tracing/trace-write.ts'
import type { Origin } from './applied.ts'
import type { AcceptedRow } from './batch-row.ts'
import { perDataset } from './per-dataset.ts'

/*
 * COPY (PostgreSQL, "COPY", File Formats): a tab between columns, a newline after
 * each row, \N for NULL, backslash escapes. It is the fastest way in; one bad or known key ends all
 * of it.
 */

const SPECIAL_PATTERN = /[\\\t\n\r]/
const SPECIALS_PATTERN = /[\\\t\n\r]/g
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}

function escapeText(text: string): string {
  return SPECIAL_PATTERN.test(text)
    ? text.replace(SPECIALS_PATTERN, (character) => ESCAPES[character] ?? character)
    : text
}

/** Of PostgreSQL's. Binary spares it what reading texts costs. */
export type CopyFormat = 'text' | 'binary'

const copyStatements = perDataset((dataset): Readonly<Record<CopyFormat, string>> => {
  const columns = dataset.columns.map(({ name }) => name).join(', ')
  const text = `copy hq.${dataset.name} (${columns}, _dx_xid, _dx_extra, _dx_source, _dx_batch)
    from stdin`
  return { text, binary: `${text} (format binary)` }
})

function copyField(value: unknown): string {
  if (typeof value === 'string') return escapeText(value)
  return value === null || value === undefined ? '\\N' : String(value)
}

/**
 * Rows whose text is one string on the way: all of a batch in one would be a large object, which
 * stays until a full collection.
 */
const ROWS_PER_PIECE = 50

/** What ends the line of every row of a batch, behind its xid. */
function lineEnd(extra: string | null, { source, batch }: Origin): string {
  return `${copyField(extra)}\t${escapeText(source)}\t${escapeText(batch)}\n`
}

/** One row after the other as COPY text. */
export function copyText(dataset: Dataset, rows: readonly AcceptedRow[], origin: Origin): Buffer {
  const names = dataset.columns.map(({ name }) => name)
  const plainEnd = lineEnd(null, origin)
  const pieces: string[] = []
  for (let start = 0; start < rows.length; start += ROWS_PER_PIECE) {
    const lines = rows.slice(start, start + ROWS_PER_PIECE).map(({ row, xid, extra }) => {
      const fields = names.map((name) => copyField(row[name]))
      fields.push(xid, extra === null ? plainEnd : lineEnd(extra, origin))
      return fields.join('\t')
    })
    pieces.push(lines.join(''))
  }
  return joinTexts(pieces)
}

/**
 * Inserts rows by COPY, all of them or none.
 *
 * Locks: inserts only. Two batches with the same new key wait for one another, so rows come in key
 * order.
 * @param makeBytes makes the rows in that format, when it is their turn.
 * @throws the error of PostgreSQL: 23505 where a key exists, another class 22 or 23 where a value
 * is refused.
 */
export async function copyRows(
  client: pg.PoolClient,
  dataset: Dataset,
  count: number,
  format: CopyFormat,
  makeBytes: () => Buffer,
): Promise<void> {
  const statement = copyStatements(dataset)[format]
  await traceWrite('COPY', `hq.${dataset.name}`, statement, count, async () => {
    const stream = client.query(copyFrom(statement))
    const bytes = makeBytes()
    stream.end(bytes)
    await finished(stream)
    // HQ has it all. After an error a piece may still wait for the socket, and the collector gets
    // it.
    freeMemory(bytes)
  })
}
