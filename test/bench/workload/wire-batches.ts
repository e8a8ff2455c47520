import { hash } from 'node:crypto'
import { type DatasetName, SCHEMA_VERSION } from '@hq-export/contract'
import { compress } from '@hq-export/outbox-relay/batch/compress.ts'
import type pg from 'pg'
import { SOURCE } from '../programs/pipeline.ts'

/** A batch as it goes on the wire, but for its signature, which is made when it is sent. */
export interface WireBatch {
  readonly id: string
  readonly rowCount: number
  readonly bytes: Buffer
}

/** Rows of one batch, as the relay packs them at most. */
export const ROWS_PER_BATCH = 2000

// Ordered by the column: a bare `seq` would name the text of the select list, and '999' sorts after
// '1000'.
const BODIES = /* sql */ `
select o.seq::text as seq, body, xid::text, captured_at::text
from (table hq_export.outbox_0 union all table hq_export.outbox_1
  union all table hq_export.outbox_2) o
where o.seq > $1 and o.seq <= $1::bigint + ${ROWS_PER_BATCH}
order by o.seq`

const FIRST_SEQ = /* sql */ `
select min(seq)::text as seq
from (table hq_export.outbox_0 union all table hq_export.outbox_1
  union all table hq_export.outbox_2) o`

interface WaitingRow {
  readonly seq: string
  readonly body: string
  readonly xid: string
  readonly captured_at: string
}

/**
 * Makes batches of what the capture put into the outbox, all of it one dataset, written by one
 * session.
 */
export async function packOutbox(dx: pg.ClientBase, dataset: DatasetName): Promise<WireBatch[]> {
  const batches: WireBatch[] = []
  const { rows: first } = await dx.query<{ seq: string }>(FIRST_SEQ)
  let after = String(BigInt(first[0]?.seq ?? 1) - 1n)
  for (;;) {
    const { rows } = await dx.query<WaitingRow>(BODIES, [after])
    const last = rows.at(-1)
    if (last === undefined) return batches
    after = last.seq
    const head = { source: SOURCE, dataset, schema_version: SCHEMA_VERSION }
    const texts = rows.map(
      ({ body, xid, captured_at }) =>
        `{"row":${body},"xid":"${xid}","captured_at":"${captured_at.replace(' ', 'T')}:00"}`,
    )
    const body = `${JSON.stringify(head).slice(0, -1)},"rows":[${texts.join(',')}]}`
    const { bytes } = await compress(Buffer.from(body), 'zstd')
    batches.push({ id: hash('sha256', body, 'base64url'), rowCount: rows.length, bytes })
  }
}
