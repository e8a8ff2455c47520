import type pg from 'pg'

// The highest version of a key that HQ has called a conflict, in whatever letter, settled or not. `->` and not `->>`: the
// latter unescapes the whole row and fails on one \u0000 anywhere in it.
const REFUSED_VERSION = /* sql */ `
select pg_catalog.max(((d.body::json -> $3) #>> '{}')::bigint)::text as version
from hq_export.dead_letter d
where d.dataset = $1 and d.key = $2 and d.reason = 'version_conflict'`

// Takes the row lock that a writer of the same key takes in its trigger, and no second one: no deadlock. A writer that read the
// base before us may still export under the version that we give out here; HQ then refuses one of the two, as a letter.
const RAISE = /* sql */ `
insert into hq_export.version_base as b (dataset, key, base)
values ($1, $2, least($3::numeric - $4::numeric + 1, 9223372036854775807)::bigint)
on conflict (dataset, key) do update set base = hq_export.exported_version(b.base, excluded.base)`

/** A key of an upsert dataset. */
export interface VersionedKey {
  readonly dataset: {
    readonly name: string
    readonly number: number
    readonly versionColumn?: string
  }
  readonly key: string
}

/** Highest version of the key that HQ refused as `version_conflict`; undefined where it never did. */
export async function refusedVersion(
  client: pg.ClientBase,
  { dataset, key }: VersionedKey,
): Promise<bigint | undefined> {
  const { rows } = await client.query<{ version: string | null }>(REFUSED_VERSION, [
    dataset.name,
    key,
    dataset.versionColumn,
  ])
  const version = rows[0]?.version ?? null
  return version === null ? undefined : BigInt(version)
}

/** Raises the base of a key so that what is exported as version `from` now is exported above `above`. */
export async function raiseVersionBase(
  client: pg.ClientBase,
  { dataset, key }: VersionedKey,
  from: bigint,
  above: bigint,
): Promise<void> {
  await client.query(RAISE, [dataset.number, key, String(above), String(from)])
}
