import type pg from 'pg'

const HIGHEST = /* sql */ `
select coalesce(pg_catalog.pg_sequence_last_value('hq_export.settle_number'), 0)::text as number`

/**
 * Number that was drawn last for a key of the settle list, whether or not the key is committed; 0
 * before the first.
 */
export async function readHighestNumber(client: pg.ClientBase): Promise<bigint> {
  const { rows } = await client.query<{ number: string }>({ name: 'settle-highest', text: HIGHEST })
  return BigInt(rows[0]?.number ?? 0)
}
