import type pg from 'pg'

// Nobody can say which dataset it was, so each has a gap. First the gaps, then the sequence: what
// is counted between the two has its gap already, and a relay that dies between them notes it once
// more.
const NOTE = /* sql */ `
insert into hq_export.capture_gap (dataset, operation)
select b.number, 'lost' from hq_export.binding b
where pg_catalog.pg_sequence_last_value('hq_export.lost') > 0`

const FORGET = /* sql */ `select pg_catalog.setval('hq_export.lost', 0)`

/**
 * Records as a gap what captures could not even leave a marker of (`hq_export.lost`), so that an
 * operator is alerted and backfills.
 */
export async function noteLosses(client: pg.ClientBase): Promise<void> {
  const { rowCount } = await client.query(NOTE)
  if (rowCount !== 0) await client.query(FORGET)
}
