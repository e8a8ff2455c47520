import type { DigestRow } from '@hq-export/contract'
import type { Snapshot } from '../../outbox/tick.ts'
import type { ComparedHqRow, ComparedSourceRow } from '../compare/compared-row.ts'
import { UndecidedError } from '../compare/undecided-error.ts'
import { type DatasetContext, requestOf } from '../dataset/dataset-context.ts'
import { readDeletedVersions, snapshotEntity } from '../source/deleted-entities.ts'
import { waitForFence } from '../source/fence.ts'
import { type KnownLetter, readLetters, readPendingKeys } from '../source/known-keys.ts'
import { behindTruncation, type RemovalNote, readRemovals } from '../source/removals.ts'
import { planLookUps } from '../source/scan-session.ts'
import { rowsStatement, type SourceRow } from '../source/scan-sql.ts'
import { underSnapshot } from '../source/snapshot.ts'
import { comparePair } from './compare-pair.ts'
import type { Suspect } from './suspect.ts'

/** What both sides have of a suspect, everything that the source had having been delivered. */
export interface KeyPair {
  readonly suspect: Suspect
  /** Primary key of the contract; empty where neither side has a row. */
  readonly key: string
  readonly source: ComparedSourceRow | undefined
  readonly hq: ComparedHqRow | undefined
  /** It waits to be sent, or to be complete. */
  readonly isPending: boolean
  /** Dead letters of the key, and of a snapshot's entity; of a key that differs. */
  readonly letters: readonly KnownLetter[]
  /** HQ has the key as a row of another source. */
  readonly isForeign: boolean
  /** HQ's row names a transaction that the source has not begun yet: it can not be on its way. */
  readonly isUnassigned: boolean
  /** Code of an open quarantine entry of HQ. */
  readonly quarantine: string | undefined
  /** The source deleted the row, and HQ rightly keeps it. */
  readonly removal: RemovalNote | undefined
  /** Of a snapshot whose entity was deleted: its last version. */
  readonly deletedVersion: bigint | undefined
}

/** What the source has under one snapshot, by look-up. */
interface SourceKeys {
  readonly snapshot: Snapshot
  readonly rows: ReadonlyMap<string, ComparedSourceRow>
  readonly pending: ReadonlySet<string>
  readonly removed: ReadonlyMap<string, RemovalNote>
  readonly deleted: ReadonlyMap<string, bigint>
}

/** A row of the source as comparisons know it. */
export function sourceRowOf(row: SourceRow): ComparedSourceRow {
  const { key, version, hash, lookup, org_id, columns } = row
  return { key, version, hash, lookUp: lookup ?? key, orgId: org_id, columns: columns ?? undefined }
}

/** The entities of snapshots, by their dataset; nothing for another dataset. */
function entitiesOf({ entities }: DatasetContext, lookUps: readonly string[]) {
  const found = lookUps.flatMap((lookUp) => {
    const entity = snapshotEntity(entities, lookUp)
    return entity === undefined ? [] : [{ lookUp, ...entity }]
  })
  return Map.groupBy(found, ({ dataset }) => dataset)
}

function readSource(
  context: DatasetContext,
  lookUps: readonly string[],
  withColumns: boolean,
): Promise<SourceKeys> {
  const { scan, dataset, relation, spec } = context
  return underSnapshot(scan, async (snapshot) => {
    await planLookUps(scan)
    const { text, values } = rowsStatement(relation, spec, lookUps, withColumns)
    const { rows } = await scan.query<SourceRow>(text, [...values])
    const byLookUp = new Map(rows.map(sourceRowOf).map((row) => [row.lookUp, row]))
    const gone = lookUps.filter((lookUp) => !byLookUp.has(lookUp))
    const removed = gone.length === 0 ? new Map() : await readRemovals(scan, dataset, spec, gone)
    const pending = new Set(await readPendingKeys(scan, dataset, lookUps))
    const deleted = new Map<string, bigint>()
    for (const [entityDataset, group] of entitiesOf(context, lookUps)) {
      const keys = group.map(({ key }) => key)
      const noted = await readPendingKeys(scan, entityDataset, keys)
      const versions = await readDeletedVersions(scan, entityDataset, keys)
      for (const { lookUp, key } of group) {
        const version = versions.get(key)
        if (version !== undefined) deleted.set(lookUp, version)
        if (noted.has(key)) pending.add(lookUp)
      }
    }
    return { snapshot, rows: byLookUp, pending, removed, deleted }
  })
}

/** Letters of keys, and of the entities of snapshots; by key and by look-up. */
async function readAllLetters(
  context: DatasetContext,
  keys: readonly string[],
  lookUps: readonly string[],
): Promise<ReadonlyMap<string, readonly KnownLetter[]>> {
  if (keys.length === 0) return new Map()
  const { side, dataset } = context
  const letters = new Map(await readLetters(side, dataset, keys))
  for (const [entityDataset, group] of entitiesOf(context, lookUps)) {
    const found = await readLetters(
      side,
      entityDataset,
      group.map(({ key }) => key),
    )
    for (const { lookUp, key } of group) letters.set(lookUp, found.get(key) ?? [])
  }
  return letters
}

interface HqKeys {
  readonly rows: ReadonlyMap<string, ComparedHqRow>
  readonly refused: ReadonlyMap<string, string>
  readonly foreign: ReadonlySet<string>
}

/**
 * Reads rows of HQ by key, as of a snapshot of the source.
 * @param columns with a hash per column.
 * @throws {UndecidedError} where HQ does not answer, or for other keys than it was asked for.
 */
export async function readHq(
  context: DatasetContext,
  snapshot: string,
  keys: readonly string[],
  columns: boolean,
): Promise<HqKeys> {
  if (keys.length === 0) return { rows: new Map(), refused: new Map(), foreign: new Set() }
  const asked = new Set(keys)
  const answer = await context.hq.rows({
    ...requestOf(context, snapshot),
    keys: [...keys],
    columns,
  })
  const rows = new Map(answer.rows.map((row) => [row.key, hqRowOf(row)]))
  if (rows.size !== answer.rows.length || !answer.rows.every(({ key }) => asked.has(key)))
    throw new UndecidedError('HQ answers for other keys than it was asked for')
  return {
    rows,
    refused: new Map(answer.refused.map(({ key, code }) => [key, code])),
    foreign: new Set(answer.foreign),
  }
}

// Every transaction that began before has a lower number.
const NEW_TRANSACTION = /* sql */ `select pg_catalog.pg_current_xact_id()::text as xid`

/**
 * Of rows that look as if they were on their way, those that cannot be: their transaction is none
 * that the source has begun by now, and HQ has had them before.
 */
async function readUnassigned(
  context: DatasetContext,
  rows: ReadonlyMap<string, ComparedHqRow>,
): Promise<ReadonlySet<string>> {
  const keys = [...rows.values()].filter(({ inFlight }) => inFlight).map(({ key }) => key)
  if (keys.length === 0) return new Set()
  const { rows: begun } = await context.side.query<{ xid: string }>(NEW_TRANSACTION)
  const all = `${begun[0]?.xid}:${begun[0]?.xid}:`
  const later = await readHq(context, all, keys, false)
  // Another row by now is one that has come meanwhile.
  const isAsBefore = (key: string): boolean => {
    const [before, now] = [rows.get(key), later.rows.get(key)]
    return now?.version === before?.version && now?.hash === before?.hash
  }
  return new Set(keys.filter((key) => later.rows.get(key)?.inFlight && isAsBefore(key)))
}

/** Keys of one question about a TRUNCATE. */
const TRUNCATED_KEYS = 2_000

/**
 * Of keys that only HQ has, those that a TRUNCATE of the source explains: a transaction up to that
 * one wrote their rows. HQ says so where it is asked as of just behind it.
 * @param xid the last transaction that truncated a table of the dataset.
 * @throws {UndecidedError} where HQ does not answer.
 */
export async function truncatedKeys(
  context: DatasetContext,
  xid: bigint,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const explained = new Set<string>()
  for (let at = 0; at < keys.length; at += TRUNCATED_KEYS) {
    const some = keys.slice(at, at + TRUNCATED_KEYS)
    const { rows } = await readHq(context, behindTruncation(xid), some, false)
    for (const row of rows.values()) if (!row.inFlight) explained.add(row.key)
  }
  return explained
}

/** A row of HQ as comparisons know it. */
export function hqRowOf(row: DigestRow): ComparedHqRow {
  const { key, version, hash, columns, in_flight, deleted, entity } = row
  const base = { key, version, hash, columns, inFlight: in_flight, deleted }
  const end = entity?.lastIndexOf('/')
  return entity === undefined || end === undefined
    ? base
    : { ...base, entity: { lookUp: entity.slice(0, end), version: entity.slice(end + 1) } }
}

/**
 * Reads what both sides have of keys, everything that the source had having been delivered. Letters
 * are read last, of keys that differ: those that the delivery has made are seen. Which columns differ
 * is asked only where a difference may be proven now: of most keys it says nothing, and is most of
 * what is read.
 * @throws {UndecidedError} where a side cannot be read, or the relay is behind.
 */
export async function readKeys(
  context: DatasetContext,
  suspects: readonly Suspect[],
): Promise<KeyPair[]> {
  const { side, epoch } = context
  const lookUps = [...new Set(suspects.map(({ lookUp }) => lookUp))]
  const mayBeProven = suspects.some(({ witness }) => witness !== undefined)
  const ours = await readSource(context, lookUps, mayBeProven)
  await waitForFence(side, epoch, ours.snapshot, context)
  const keyOf = ({ key, lookUp }: Suspect) => key ?? ours.rows.get(lookUp)?.key
  const keys = [...new Set(suspects.flatMap((suspect) => keyOf(suspect) ?? []))]
  const theirs = await readHq(context, ours.snapshot, keys, mayBeProven)
  const unassigned = await readUnassigned(context, theirs.rows)
  const read = suspects.map((suspect) => {
    const key = keyOf(suspect) ?? ''
    const source = ours.rows.get(suspect.lookUp)
    const hq = theirs.rows.get(key)
    const isUnassigned = unassigned.has(key)
    const settled = hq && isUnassigned ? { ...hq, inFlight: false } : hq
    return { suspect, key, source, hq: settled, isUnassigned }
  })
  const differing = read.filter((pair) => comparePair(pair, []).kind === 'difference')
  const letters = await readAllLetters(
    context,
    differing.map(({ key }) => key),
    differing.map(({ suspect }) => suspect.lookUp),
  )
  return read.map((pair) => {
    const { key, suspect } = pair
    const { lookUp } = suspect
    return {
      ...pair,
      isForeign: theirs.foreign.has(key),
      isPending: ours.pending.has(lookUp),
      removal: ours.removed.get(lookUp),
      letters:
        key === lookUp
          ? (letters.get(key) ?? [])
          : [...(letters.get(key) ?? []), ...(letters.get(lookUp) ?? [])],
      quarantine: theirs.refused.get(key),
      deletedVersion: ours.deleted.get(lookUp),
    }
  })
}
