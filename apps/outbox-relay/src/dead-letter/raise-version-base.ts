import type pg from 'pg'
import { NotReplayableError } from '../reexport/not-replayable-error.ts'

// The highest version of a key that HQ has called a conflict, in whatever letter, settled or not.
// `->` and not `->>`: the latter unescapes the whole row and fails on one \u0000 anywhere in it.
const REFUSED_VERSION = /* sql */ `
select pg_catalog.max(((d.body::json -> $3) #>> '{}')::bigint)::text as version
from hq_export.dead_letter d
where d.dataset = $1 and d.key = $2 and d.reason = 'version_conflict'`

// Takes the row lock that a writer of the same key takes in its trigger, and no second one: no
// deadlock. A writer that read the base before us may still export under the old one; HQ finds that
// stale, and whoever changes the row next is above again.
const RAISE = /* sql */ `
insert into hq_export.version_base as b (dataset, key, base)
values ($1, $2, ($4::numeric - $3::numeric)::bigint)
on conflict (dataset, key) do update set base = hq_export.exported_version(b.base, excluded.base)`

/**
 * How far above a version that HQ refused an entity goes on. HQ does not say what it has above that
 * one, so it is more than one key can lose of commits in a failover, or in a restore of days ago;
 * int8 has room for eight million million such steps.
 */
const STEP = 2n ** 20n

const MAX_INT8 = 2n ** 63n - 1n

const EXHAUSTED = 'HQ holds the highest version there is with other content; correct it in HQ'

/** A key of an upsert dataset. */
export interface VersionedKey {
  readonly dataset: {
    readonly name: string
    readonly number: number
    readonly versionColumn?: string
  }
  readonly key: string
}

/**
 * Highest version of the key that HQ refused as `version_conflict`; undefined where it never did.
 */
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

function atMost(limit: bigint, version: bigint): bigint {
  return version < limit ? version : limit
}

/**
 * Raises the base of a key so that what is exported as `version` now is exported far above
 * `conflict`. Nothing is raised where it is already: the letters of one failover raise a key once.
 * @returns the version that it is exported under from now on.
 * @throws {NotReplayableError} when there is none above.
 */
export async function raiseVersionBase(
  client: pg.ClientBase,
  { dataset, key }: VersionedKey,
  version: bigint,
  conflict: bigint,
): Promise<bigint> {
  if (conflict >= MAX_INT8) throw new NotReplayableError(EXHAUSTED)
  if (version >= atMost(MAX_INT8, betweenVersion(conflict))) return version
  const raised = atMost(MAX_INT8, conflict + STEP)
  await client.query(RAISE, [dataset.number, key, String(version), String(raised)])
  return raised
}

/**
 * A version of its own for a past state whose `version` HQ holds with other content: above that,
 * and below what follows.
 */
export function betweenVersion(version: bigint): bigint {
  return version + STEP / 2n
}
