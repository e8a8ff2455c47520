import { type Envelope, envelopeSchema } from '@hq-export/contract'

/** What an envelope says of all of its rows. */
export type EnvelopeHead = Omit<Envelope, 'rows'>

const headSchema = envelopeSchema.omit({ rows: true })
const ROWS = Buffer.from('"rows":[')
/** The head of a relay has less than 300. */
const MAX_HEAD_BYTES = 1_024

/**
 * Reads the members in front of the rows, by the parser and the schema of every envelope.
 *
 * The rows begin at the first `"rows":[` of the body. Inside of a string the quotes would be
 * escaped; and with `]}` behind it the head is JSON only if this array is a member of the body
 * itself. Where a name comes twice, the last one counts here as there.
 * @returns with where the first row begins; undefined where the body does not begin like that.
 */
export function readEnvelopeHead(
  body: Buffer,
): { readonly head: EnvelopeHead; readonly rowsAt: number } | undefined {
  const at = body.subarray(0, MAX_HEAD_BYTES).indexOf(ROWS)
  if (at === -1) return undefined
  const rowsAt = at + ROWS.length
  let parsed: unknown
  try {
    parsed = JSON.parse(`${body.toString('utf8', 0, rowsAt)}]}`)
  } catch {
    // The careful way says what is wrong with it.
    return undefined
  }
  const result = headSchema.safeParse(parsed)
  return result.success ? { head: result.data, rowsAt } : undefined
}
