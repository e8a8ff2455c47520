import { hash, randomUUID } from 'node:crypto'
import { LIMITS } from '@hq-export/contract'
import type pg from 'pg'
import { applyRows } from '../apply/apply-rows.ts'
import type { RefusedRow } from '../apply/batch-row.ts'
import { recordAudit } from '../db/record-audit.ts'
import { transact } from '../db/transact.ts'
import { type DecodedBatch, decode } from '../decode/decode.ts'
import { answerOf } from '../store/answer.ts'
import { profileOfRows } from '../store/batch-profile.ts'
import { recordBatch } from '../store/ledger.ts'
import { findDatasetRules } from '../validate/dataset-rules.ts'
import { validate } from '../validate/validate.ts'
import type { Resolving } from './discard-entries.ts'
import { type EntryGroup, lockEntries, readGroups, type StoredEntry } from './read-entries.ts'
import { closeEntries, reopenEntries } from './resolve-entries.ts'

/** What became of the selected entries. */
export interface ReplaySummary {
  readonly replayed: string[]
  /** Refused again; they are open, with the reason of now. */
  readonly refused: { readonly id: string; readonly reason: string; readonly detail: string }[]
  /** Cannot be replayed in HQ; untouched. */
  readonly notReplayable: { readonly id: string; readonly why: string }[]
}

const CHUNK = { limit: 500, maxBytes: LIMITS.maxDecodedBytes / 2 }

/** Why HQ itself may not, or cannot, apply the row; undefined where it can. */
function obstacleOf({ code, orgAllowed }: StoredEntry): string | undefined {
  if (code === 'secret_detected')
    return (
      'its credential was removed; correct the row in the source, ' +
      'and replay its dead letter there'
    )
  if (!orgAllowed)
    return 'the key that signed it may not write its org; replay its dead letter at the source'
  return undefined
}

/** The entries as the body of a batch, row by row exactly as they were sent. */
function bodyOf(group: EntryGroup, entries: readonly StoredEntry[]): Buffer {
  const rows = entries.map(({ rowText, xid, capturedAt, deleted, traceparent }) => {
    const beside = JSON.stringify({
      xid,
      captured_at: capturedAt,
      deleted,
      ...(traceparent !== null && { traceparent }),
    })
    return `{"row":${rowText},${beside.slice(1)}`
  })
  const { source, dataset, schemaVersion } = group
  const head = JSON.stringify({ source, dataset, schema_version: schemaVersion }).slice(0, -1)
  return Buffer.from(`${head},"rows":[${rows.join(',')}]}`)
}

async function applyBatch(
  client: pg.PoolClient,
  batchId: string,
  body: Buffer,
  batch: DecodedBatch,
): Promise<RefusedRow[]> {
  const { envelope, bytes } = batch
  const { source, dataset, schema_version: schemaVersion } = envelope
  const rules = findDatasetRules(dataset, schemaVersion)
  if (rules === undefined) throw new Error(`this build does not know ${dataset} ${schemaVersion}`)
  // Only entries whose org their own key may write get here.
  const { accepted, refused } = await validate(
    batch,
    rules,
    { orgs: undefined },
    LIMITS.maxRowBytes,
  )
  const origin = { source, batch: batchId, epoch: undefined }
  const applied = await applyRows(client, dataset, accepted, origin)
  const all = [...refused, ...applied.refused]
  const entry = {
    source,
    batch: batchId,
    fingerprint: hash('sha256', body, 'buffer'),
    dataset,
    schemaVersion,
    epoch: undefined,
    keyId: 'replay',
    trace: undefined,
    wireBytes: bytes,
    decodedBytes: bytes,
  }
  const answer = answerOf(batchId, envelope.rows.length, applied, all)
  const { rows } = envelope
  const head = { source, dataset, schema_version: schemaVersion }
  const capturedAt = [rows[0]?.captured_at ?? '', rows.at(-1)?.captured_at ?? ''] as const
  const beside = { head, capturedAt, rowCount: rows.length }
  const deletes = rows.filter(({ deleted }) => deleted === true).length
  const profile = profileOfRows(beside, accepted, all, answer, deletes, Date.now())
  await recordBatch(client, entry, answer, profile)
  return all
}

/**
 * Replays locked entries of one group in the open transaction: rows, entries, ledger, audit.
 * @param entries at most 500, of half as many bytes as a batch may have.
 */
export async function replayLocked(
  client: pg.PoolClient,
  { selection, by, operation }: Resolving,
  group: EntryGroup,
  entries: readonly StoredEntry[],
): Promise<ReplaySummary> {
  const summary: ReplaySummary = { replayed: [], refused: [], notReplayable: [] }
  const sendable: StoredEntry[] = []
  for (const entry of entries) {
    const why = obstacleOf(entry)
    if (why === undefined) sendable.push(entry)
    else summary.notReplayable.push({ id: entry.id, why })
  }
  if (sendable.length === 0) return summary

  // Fresh every time, so that a second replay has an effect of its own.
  const batchId = `replay_${randomUUID()}`
  const body = bodyOf(group, sendable)
  const refused = await applyBatch(client, batchId, body, decode(body, CHUNK.limit))
  const byIndex = new Map(refused.map((row) => [row.index, row]))
  const reopened: { entry: StoredEntry; row: RefusedRow }[] = []
  for (const [index, entry] of sendable.entries()) {
    const row = byIndex.get(index)
    if (row === undefined) summary.replayed.push(entry.id)
    else {
      reopened.push({ entry, row })
      summary.refused.push({ id: entry.id, reason: row.code, detail: row.detail })
    }
  }
  await closeEntries(client, summary.replayed, by, batchId)
  await reopenEntries(client, reopened)
  await recordAudit(client, {
    actor: by,
    action: 'quarantine.replay',
    subject: 'ingest.quarantine',
    detail: {
      selection,
      batch: batchId,
      replayed: summary.replayed,
      refused: summary.refused.map(({ id }) => id),
      operation,
    },
  })
  return summary
}

/** One chunk of one group. @returns undefined behind the last. */
async function replayChunk(
  client: pg.PoolClient,
  resolving: Resolving,
  group: EntryGroup,
  after: string,
): Promise<{ readonly last: string; readonly summary: ReplaySummary } | undefined> {
  const entries = await lockEntries(client, resolving.selection, group, after, CHUNK)
  const last = entries.at(-1)?.id
  if (last === undefined) return undefined
  return { last, summary: await replayLocked(client, resolving, group, entries) }
}

/**
 * Validates the rows of the selected entries as this build does, applies them under the same rules
 * as every batch, and closes the entries. In chunks, each one transaction, so it may be interrupted
 * and repeated: what HQ has already is a duplicate.
 * @param report called after every chunk with the number of entries done.
 */
export async function replayEntries(
  pool: pg.Pool,
  resolving: Resolving,
  report: (done: number) => void,
): Promise<ReplaySummary> {
  const total: ReplaySummary = { replayed: [], refused: [], notReplayable: [] }
  for (const group of await readGroups(pool, resolving.selection)) {
    let after = '0'
    for (;;) {
      const chunk = await transact(pool, (client) => replayChunk(client, resolving, group, after))
      if (chunk === undefined) break
      after = chunk.last
      total.replayed.push(...chunk.summary.replayed)
      total.refused.push(...chunk.summary.refused)
      total.notReplayable.push(...chunk.summary.notReplayable)
      report(total.replayed.length + total.refused.length + total.notReplayable.length)
    }
  }
  return total
}
