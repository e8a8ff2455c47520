import { type Dataset, datasetByName, isDatasetName } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { unionOfOutbox } from '../outbox/outbox-tables.ts'
import { insertSelected, ring } from '../reexport/insert-export-row.ts'
import { type DeadLetter, NOT_IN_TIME } from './dead-letter.ts'

/** A version of an entity that goes no further. */
export interface RefusedVersion {
  readonly dataset: Dataset
  readonly key: string
  readonly version: string
}

/**
 * The versions among rows that became dead letters; not those that are tried again, nor raw rows,
 * which supersede nothing.
 */
export function refusedVersions(letters: readonly DeadLetter[]): RefusedVersion[] {
  return letters.flatMap(({ dataset: name, reason, row: { key, body, sqlstate } }) => {
    if (!isDatasetName(name)) return []
    const isVersion = key !== null && body !== null && sqlstate === null && reason !== NOT_IN_TIME
    const dataset: Dataset = datasetByName(name)
    if (!isVersion || dataset.versionColumn === undefined) return []
    const version = JSON.parse(body)[dataset.versionColumn]
    return version === undefined ? [] : [{ dataset, key, version: String(version) }]
  })
}

// Another letter of the key: what was refused may itself be here because a newer version was.
const HASHES = /* sql */ `
select pg_catalog.hashtextextended(k, $1)::text as hash,
       (select count(*) from hq_export.dead_letter d
         where d.dataset = $2 and d.key = k) > 1 as "isAgain"
from pg_catalog.unnest($3::text[]) k`

const RETAINED = unionOfOutbox(
  (table) =>
    `select xid, seq, dataset, version, deleted, sqlstate, key, traceparent, body from ${table}`,
)

// One look at what the outbox retains, for all keys of a window. Nothing leaves the server. A row
// that has a letter was tried.
const SUPERSEDED = /* sql */ `
select distinct on (o.key) o.dataset, o.version, o.deleted, o.key, o.traceparent, o.body
from (${RETAINED}) o
join rows from (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::bigint[])) as r(key, version)
  on r.key = o.key
where o.dataset = $1 and o.version < r.version and o.sqlstate is null and o.body is not null
  and not exists (
    select from hq_export.dead_letter d where d.dataset = $2 and d.key = o.key and d.body = o.body
  )
order by o.key, o.version desc, o.xid desc, o.seq desc`

async function sendOf(
  client: pg.ClientBase,
  { name, number }: Dataset,
  refused: readonly RefusedVersion[],
  supersedes: (hash: string) => boolean,
): Promise<number> {
  const keys = refused.map(({ key }) => key)
  const { rows } = await client.query<{ hash: string; isAgain: boolean }>(HASHES, [
    number,
    name,
    keys,
  ])
  const wanted = refused.filter((_, position) => {
    const { hash = '', isAgain = false } = rows[position] ?? {}
    return isAgain || supersedes(hash)
  })
  if (wanted.length === 0) return 0
  return insertSelected(client, SUPERSEDED, [
    number,
    name,
    wanted.map(({ key }) => key),
    wanted.map(({ version }) => version),
  ])
}

/**
 * Sends what refused versions superseded: of each key the next older version that the outbox
 * retains, as it was captured, by way of the outbox like any other row. HQ would keep neither else,
 * because superseded versions do not travel. Refused, it is followed by the next older one.
 * Harmless where HQ has it already.
 * @param supersedes whether a version of the key with this hash made an older one stay behind in
 * the window.
 * @returns rows that are in the outbox again.
 */
export async function sendSuperseded(
  client: pg.ClientBase,
  refused: readonly RefusedVersion[],
  supersedes: (hash: string) => boolean,
): Promise<number> {
  return transact(client, async () => {
    let sent = 0
    for (const [dataset, versions] of Map.groupBy(refused, (version) => version.dataset)) {
      sent += await sendOf(client, dataset, versions, supersedes)
    }
    if (sent > 0) await ring(client)
    return sent
  })
}
