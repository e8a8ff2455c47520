import type { BatchResult } from '@hq-export/contract'
import pg from 'pg'
import { gatewayLocks } from '../db/own-locks.ts'
import type { StoredProfile } from '../profile/row-counts.ts'
import { toStored } from './stored-answer.ts'

/** What the ledger keeps of a batch beside its answer. */
export interface LedgerEntry {
  readonly source: string
  readonly batch: string
  /** SHA-256 of the decoded body. */
  readonly fingerprint: Buffer
  readonly dataset: string
  readonly schemaVersion: string
  readonly epoch: string | undefined
  readonly keyId: string
  /** Span in which it is applied, or the caller's. */
  readonly trace: { readonly traceId: string; readonly spanId: string } | undefined
  readonly wireBytes: number
  readonly decodedBytes: number
  /** The only org that the key may write; undefined where there are several, or no limit. */
  readonly orgId?: string | undefined
}

/** What the ledger knows of a batch id. */
export type LedgerState =
  | { readonly kind: 'new' }
  | { readonly kind: 'in_flight' }
  | { readonly kind: 'reused' }
  /** With the answer as it is stored. */
  | { readonly kind: 'applied'; readonly stored: unknown }

/** The ledger has no partition for now; nothing was written. */
export class MissingPartitionError extends Error {
  override readonly name = 'MissingPartitionError'
}

/** Name of the seed of what claims a batch id. */
const CLAIMS = 'batch'

/**
 * Claims the batch id `$1 $2`, source and batch, and says whether it is ours. Held until the end of
 * the transaction. The non-blocking form: a repeated delivery gets its 409 at once and parks no
 * connection behind the first one.
 */
export const CLAIM = `
  select l.key::text as seed, pg_catalog.pg_try_advisory_xact_lock(
    pg_catalog.hashtextextended(pg_catalog.concat($1::text, ' ', $2::text), l.key)) as claimed
  from ingest.advisory_lock l where l.name = '${CLAIMS}'`

const CLAIM_KEY = `
  select pg_catalog.hashtextextended(pg_catalog.concat($1::text, ' ', $2::text), $3::bigint)::text
    as key`

// One index probe in every partition that is kept. The lock makes it exact: no unique constraint
// spans partitions.
const FIND = 'select fingerprint, answer from ingest.batch where source = $1 and batch = $2'

/**
 * Columns that a batch is recorded in, in the order of {@link ledgerValues}; answer and profile are
 * last.
 */
export const LEDGER_COLUMNS = `source, batch, fingerprint, dataset, schema_version, epoch, key_id,
       trace_id, span_id, wire_bytes, decoded_bytes, org_id, answer, profile`

/** What is recorded of a batch beside its answer and its profile, as parameters. */
export function ledgerValues(entry: LedgerEntry): (string | Buffer | null)[] {
  return [
    entry.source,
    entry.batch,
    entry.fingerprint,
    entry.dataset,
    entry.schemaVersion,
    entry.epoch ?? null,
    entry.keyId,
    entry.trace?.traceId ?? null,
    entry.trace?.spanId ?? null,
    String(entry.wireBytes),
    String(entry.decodedBytes),
    entry.orgId ?? null,
  ]
}

const RECORD = `
  insert into ingest.batch (${LEDGER_COLUMNS})
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

interface Claim {
  readonly seed: string
  readonly claimed: boolean
}

async function tryClaim(client: pg.PoolClient, source: string, batch: string): Promise<Claim> {
  const { rows } = await client.query<Claim>({
    name: 'claim batch',
    text: CLAIM,
    values: [source, batch],
  })
  if (rows[0] === undefined) throw new Error(`ingest.advisory_lock has no row ${CLAIMS}`)
  return rows[0]
}

/** True where the id is claimed by a session that is no gateway's. */
async function isStrangers(
  client: pg.PoolClient,
  source: string,
  batch: string,
  seed: string,
): Promise<boolean> {
  const { rows } = await client.query<{ key: string }>(CLAIM_KEY, [source, batch, seed])
  return rows[0] !== undefined && (await gatewayLocks.isHeldByStranger(client, rows[0].key))
}

/**
 * Claims a batch id for this transaction and says what is known of it. Claim and look are two
 * statements: a look with the claim's snapshot could miss what the previous holder committed just
 * before.
 */
export async function claimBatch(
  client: pg.PoolClient,
  { source, batch, fingerprint }: LedgerEntry,
): Promise<LedgerState> {
  let claim = await tryClaim(client, source, batch)
  if (!claim.claimed && (await isStrangers(client, source, batch, claim.seed))) {
    // Commits with the batch; whoever else finds the stranger waits for that. A batch that is under
    // way under the old seed may come again meanwhile and be applied beside itself, which changes
    // nothing (I3).
    await gatewayLocks.renew(client, CLAIMS, claim.seed)
    claim = await tryClaim(client, source, batch)
  }
  if (!claim.claimed) return { kind: 'in_flight' }
  const found = await client.query<{ fingerprint: Buffer; answer: unknown }>({
    name: 'find batch',
    text: FIND,
    values: [source, batch],
  })
  const [entry] = found.rows
  if (entry === undefined) return { kind: 'new' }
  if (!entry.fingerprint.equals(fingerprint)) return { kind: 'reused' }
  return { kind: 'applied', stored: entry.answer }
}

/** 23514 without a constraint: no partition takes the row. */
function isMissingPartition(error: unknown): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === '23514' &&
    error.table === 'batch' &&
    error.constraint === undefined
  )
}

/**
 * Records a batch with its answer and its profile, in the transaction that wrote its rows.
 * @throws {MissingPartitionError} which ends the transaction.
 */
export async function recordBatch(
  client: pg.PoolClient,
  entry: LedgerEntry,
  answer: BatchResult,
  profile: StoredProfile | undefined,
): Promise<void> {
  const values = [
    ...ledgerValues(entry),
    JSON.stringify(toStored(answer)),
    profile === undefined ? null : JSON.stringify(profile),
  ]
  try {
    await client.query({ name: 'record batch', text: RECORD, values })
  } catch (error) {
    if (!isMissingPartition(error)) throw error
    throw new MissingPartitionError('the ledger has no partition for now', { cause: error })
  }
}
