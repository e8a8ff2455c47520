import { type BatchResult, HEARTBEAT_DATASET } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import type pg from 'pg'
import type { Batch } from '../batch/batch.ts'
import type { DecidedOutcome, UndeliveredReason } from '../batch/batch-outcome.ts'
import { rowsAt } from '../batch/open-batch.ts'
import { type DeadLetter, isVersionConflict } from '../dead-letter/dead-letter.ts'
import { insertDeadLetters } from '../dead-letter/insert-dead-letters.ts'
import { resendConflicts } from '../dead-letter/resend-conflicts.ts'
import type { DeleteRace } from '../outbox/delete-race.ts'
import type { Logger } from '../process/log.ts'
import { findDeleteRaces } from '../reexport/find-delete-races.ts'
import { repairDeleteRaces as repair } from '../reexport/repair-delete-races.ts'

/** Runs work on a session of data-engine-x that nobody else uses meanwhile. */
export type RunOnSession = <T>(work: (client: pg.ClientBase) => Promise<T>) => Promise<T>

/** Where outcomes are settled, and who is told; lives as long as the session. */
export interface Settlement {
  /** For single statements. */
  readonly run: RunOnSession
  /** For transactions. */
  readonly transact: RunOnSession
  /** False where every row was read above the delete of its key. */
  readonly mayRace: boolean
  readonly log: Logger
  /** Called with every batch that HQ has decided, once nothing of it is left to do. */
  readonly onAccepted: (batch: Batch, answer: BatchResult) => void
  /** Called with rows that were kept. */
  readonly onDeadLetters?: (letters: readonly DeadLetter[]) => void
  /** Called where rows were noted to be sent once more, or are in the outbox again. */
  readonly onSentAgain?: () => void
}

/** Rows of an outcome that go no further. */
export interface KeptRows {
  readonly letters: readonly DeadLetter[]
  /** Rows beside them whose version HQ holds with other content, and that cannot be sent again. */
  readonly conflicts: number
}

const NOTHING_KEPT: KeptRows = { letters: [], conflicts: 0 }

/** Keeps rows that go no further; they are settled when it resolves. */
export async function keepDeadLetters(
  letters: readonly DeadLetter[],
  { run, onDeadLetters }: Settlement,
): Promise<void> {
  await run((client) => insertDeadLetters(client, letters))
  onDeadLetters?.(letters)
}

/** Sends entities again, as they are, whose insert raced with the delete of their key. */
export async function repairDeleteRaces(
  deleteRaces: readonly DeleteRace[],
  { transact, onSentAgain, log }: Settlement,
): Promise<void> {
  const { sent, failures } = await transact((client) => repair(client, deleteRaces))
  if (sent > 0) onSentAgain?.()
  log.info({ sent, failures }, 'inserts raced with deletes of their keys; sent again above them')
}

interface RefusedAt extends Pick<DeadLetter, 'reason' | 'detail' | 'pointer'> {
  readonly index: number
}

function deadLetters(batch: Batch, reasons: readonly RefusedAt[]): DeadLetter[] {
  const rows = rowsAt(
    batch,
    reasons.map(({ index }) => index),
  )
  return reasons.flatMap(({ reason, detail, pointer = null }, position): DeadLetter[] => {
    const row = rows[position]
    const dataset = batch.dataset.name
    return row === undefined ? [] : [{ dataset, row, reason, detail, pointer, batch: batch.id }]
  })
}

/** Characters of a code and of a detail that are kept of what HQ says; ours are far shorter. */
const MAX_CODE_CHARS = 100
const MAX_DETAIL_CHARS = 1_000

function refusedRows(batch: Batch, answer: BatchResult): DeadLetter[] {
  const refused = answer.rows.flatMap(
    ({ outcome, index, code = 'unknown', detail = null, pointer }) =>
      outcome === 'quarantined'
        ? [
            {
              index,
              reason: code.slice(0, MAX_CODE_CHARS),
              detail: detail?.slice(0, MAX_DETAIL_CHARS) ?? null,
              // Where in the batch it stood is not where it stands next time.
              pointer: pointer?.replace(/^\/rows\/\d+/, '') ?? null,
            },
          ]
        : [],
  )
  return refused.length === 0 ? [] : deadLetters(batch, refused)
}

/** Keeps rows that HQ refused, and sends again those that it has to have above what it has. */
async function settleRefused(
  batch: Batch,
  refused: readonly DeadLetter[],
  settlement: Settlement,
): Promise<KeptRows> {
  const { log } = settlement
  const facts = { dataset: batch.dataset.name, batch: batch.id }
  const conflicts = refused.filter(isVersionConflict)
  const letters = refused.filter((letter) => !isVersionConflict(letter))
  if (letters.length > 0) {
    await keepDeadLetters(letters, settlement)
    log.warn({ ...facts, rows: letters.length }, 'HQ refused rows; kept as dead letters')
  }
  if (conflicts.length === 0) return { letters, conflicts: 0 }
  const { resent, kept } = await settlement.transact((client) => resendConflicts(client, conflicts))
  if (resent > 0) settlement.onSentAgain?.()
  log.warn(
    { ...facts, resent, kept },
    'HQ holds versions with other content, as after a failover; sent again above them',
  )
  return { letters, conflicts: kept }
}

/** HQ has decided every row. */
async function acknowledgeAnswer(
  batch: Batch,
  answer: BatchResult,
  settlement: Settlement,
): Promise<KeptRows> {
  const refused = refusedRows(batch, answer)
  const kept =
    refused.length === 0
      ? NOTHING_KEPT
      : await inStep('keep dead letters', () => settleRefused(batch, refused, settlement))
  const { counts } = answer
  settlement.log.debug({ dataset: batch.dataset.name, batch: batch.id, counts }, 'batch')
  if (settlement.mayRace) {
    const deleteRaces = await settlement.run((client) => findDeleteRaces(client, batch, answer))
    if (deleteRaces.length > 0) await repairDeleteRaces(deleteRaces, settlement)
  }
  settlement.onAccepted(batch, answer)
  return kept
}

const KEPT: Partial<Record<UndeliveredReason, string>> = {
  not_in_time: 'HQ cannot take a row now; kept as dead letter, and tried again from time to time',
  dataset_retired:
    'HQ takes this dataset no more; rows kept as dead letters, bind without it: relay -- bind',
}

/** No row of a batch can be delivered, or not now. */
async function keepUndelivered(
  batch: Batch,
  reason: UndeliveredReason,
  detail: string,
  settlement: Settlement,
): Promise<KeptRows> {
  // It only measures the way, and the next one is on its own.
  if (batch.dataset.name === HEARTBEAT_DATASET) return NOTHING_KEPT
  const indexes = Array.from({ length: batch.rowCount }, (_, index) => index)
  const letters = deadLetters(
    batch,
    indexes.map((index) => ({ index, reason, detail })),
  )
  await inStep('keep dead letters', () => keepDeadLetters(letters, settlement))
  settlement.log.warn(
    { dataset: batch.dataset.name, batch: batch.id, reason, rows: batch.rowCount },
    KEPT[reason] ?? 'a row cannot be delivered; kept as dead letter',
  )
  return { letters, conflicts: 0 }
}

/**
 * Settles what has become of a batch: every row of it is in HQ, in the outbox once more, or a dead
 * letter when it resolves.
 */
export function acknowledgeOutcome(
  batch: Batch,
  outcome: DecidedOutcome,
  settlement: Settlement,
): Promise<KeptRows> {
  return outcome.kind === 'accepted'
    ? acknowledgeAnswer(batch, outcome.answer, settlement)
    : keepUndelivered(batch, outcome.reason, outcome.detail, settlement)
}
