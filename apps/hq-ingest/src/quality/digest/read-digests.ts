import type pg from 'pg'
import { dayOf } from '../window/time.ts'
import { digestWeek, type WeekDigest } from './week-digest.ts'

const KEPT = /* sql */ `select digest from ingest.quality_digest where source = $1 and week = $2`

/** The digests of a week that are kept; of sources without one, what is known so far. */
export async function readDigests(
  client: pg.ClientBase,
  sources: readonly string[],
  begin: number,
): Promise<WeekDigest[]> {
  const digests: WeekDigest[] = []
  for (const source of sources) {
    const { rows } = await client.query<{ digest: WeekDigest }>(KEPT, [source, dayOf(begin)])
    digests.push(rows[0]?.digest ?? (await digestWeek(client, source, begin)))
  }
  return digests
}
