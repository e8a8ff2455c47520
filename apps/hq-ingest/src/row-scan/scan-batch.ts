import { isUtf8 } from 'node:buffer'
import type { IngestKey } from '../keys/ingest-key.ts'
import { mayHoldSecret } from '../secrets/may-hold-secret.ts'
import { type EnvelopeHead, readEnvelopeHead } from './read-envelope-head.ts'
import { findScanPlan } from './scan-plan.ts'
import { scanRows } from './scan-rows.ts'
import type { ScannedRows } from './scanned-rows.ts'

/*
 * The fast way of a batch: one pass over its bytes, which checks every row and writes what
 * PostgreSQL is given, and makes nothing else of it.
 *
 * There are two ways, and one truth. The careful way (`decode/`, `validate/`) parses the body, asks
 * the contract about every row, and formats what it accepts. The scan knows the one shape in which
 * relays send good rows, and answers "these rows are good, and here they are", or "I do not know":
 * then the careful way takes the whole body, as if nobody had looked at it. The scan never refuses,
 * and never repairs. So all that has to be shown is: what the scan takes, the careful way takes
 * with the same values, bit for bit. A property test holds that over generated, mutated and
 * hostile bodies (`scan-batch.test.ts`), another one asks PostgreSQL; and this is why it is so:
 *
 * 1. Each body that is taken is JSON of one shape. Its head is read by the parser and the schema of
 *    every envelope. From the first row on every byte is compared, or read by the reader of its
 *    type, up to the last byte. Columns come each once, all of them, in the contract's order, named
 *    without escapes, so there is nothing unknown, missing or twice.
 * 2. A reader of a type (`read-value.ts`, `json-end.ts`) takes a part of what the contract's own
 *    rule takes, and never more: ids in lower case, which are their own canonical form; integers
 *    without leading zeros; ASCII in references. Text may be anything that UTF-8 and JSON can say
 *    without `\u`.
 * 3. Without `\u` no text holds U+0000 or half a surrogate pair, and no letter of a credential is
 *    hidden. Whether one is in sight is asked of the same look that the careful way begins with,
 *    over the same text: what that suspects, it gets.
 * 4. Values are written as PostgreSQL sends and receives them in binary (`field.ts`), where the
 *    careful way leaves their texts to it. A type has one binary form, so there is nothing to choose:
 *    text and jsonb are the bytes of the text, its escapes undone; the others are numbers.
 * 5. Limits: rows and the bytes of each are counted; a row of scalars is nested once, and a body of
 *    5,000 has 10,002 objects and arrays. Orgs are looked up row by row. Where a key of few orgs
 *    writes rows whose key must follow from their content, the careful way checks that.
 *
 * What happens afterwards and needs the rows one by one (a key that is known, a value that only
 * PostgreSQL refuses, a delivery that the ledger has answered) asks the careful way for them.
 */

/** A body whose rows are all good. */
export interface ScannedBatch {
  readonly head: EnvelopeHead
  readonly rows: ScannedRows
}

/** Text that is searched at once; a larger one would stay until a full collection. */
const SEARCHED_BYTES = 64 * 1024
/** No keyword of a credential is longer. */
const KEYWORD_BYTES = 64

function mayHoldSecretBytes(body: Buffer): boolean {
  // Keywords are ASCII, so any coding that keeps it shows them.
  for (let start = 0; start < body.length; start += SEARCHED_BYTES) {
    if (mayHoldSecret(body.toString('latin1', start, start + SEARCHED_BYTES + KEYWORD_BYTES)))
      return true
  }
  return false
}

/**
 * Reads a decoded body in one pass.
 * @param body must stay as it is while the rows are in use.
 * @returns undefined where something is not known; then the careful way decides.
 */
export async function scanBatch(
  body: Buffer,
  key: Pick<IngestKey, 'orgs'>,
): Promise<ScannedBatch | undefined> {
  const envelope = readEnvelopeHead(body)
  if (envelope === undefined) return undefined
  const { head, rowsAt } = envelope
  const plan = findScanPlan(head.dataset, head.schema_version)
  if (plan === undefined || (plan.hasDerivedKey && key.orgs !== undefined)) return undefined
  if (!isUtf8(body) || mayHoldSecretBytes(body)) return undefined
  const rows = await scanRows(body, rowsAt, plan, key.orgs)
  return rows === undefined ? undefined : { head, rows }
}
