import { describeError } from '@hq-export/runtime/describe-error.ts'
import type pg from 'pg'
import { connect } from '../../session/connect.ts'
import { SEES_ALL } from '../../session/hidden-tables.ts'
import { reconcile } from '../reconcile.ts'
import type { ReconcileContext, ReconcileRequest, ReconcileResult } from '../reconcile-context.ts'
import {
  beginReconciliation,
  finishReconciliation,
  type ReconciliationRecord,
  readReconciliation,
} from './reconciliation-record.ts'
import { tellHq } from './tell-hq.ts'
import { undecidedRun } from './undecided-run.ts'

/** Opens a session that records. @param onLost told when the server ends it. */
export function connectRecorder(
  databaseUrl: string,
  onLost: (error: Error) => void,
): Promise<pg.Client> {
  return connect(databaseUrl, 'reconcile record', onLost, SEES_ALL)
}

/** What is recorded of a run. */
type Run = (context: ReconcileContext) => Promise<ReconcileResult>

async function recorded(
  context: ReconcileContext,
  request: ReconcileRequest,
  run: Run,
): Promise<ReconciliationRecord> {
  const { databaseUrl, log, source } = context
  const lost = new AbortController()
  let client = await connectRecorder(databaseUrl, (error) => lost.abort(error))
  try {
    const number = await beginReconciliation(client, request)
    const stopping = AbortSignal.any([context.stopping, lost.signal])
    const result = await run({ ...context, stopping }).catch((error: unknown) => {
      log.warn({ reason: describeError(error) }, 'a reconciliation could not begin')
      return undecidedRun(source, request, describeError(error))
    })
    // What it came to is not to be lost with the session that said that it is under way.
    if (lost.signal.aborted) client = await connectRecorder(databaseUrl, () => {})
    await finishReconciliation(client, number, result)
    await tellHq(client, context)
    const record = await readReconciliation(client, request.id)
    if (record === undefined) throw new Error('a reconciliation was recorded')
    return record
  } finally {
    await client.end().catch(() => {}) // a lost session is closed already
  }
}

/**
 * Runs a reconciliation and records it: from its beginning, so that one that is killed is seen, to
 * what it came to; then HQ is told. A run whose session is lost is stopped, because nobody would
 * see it go on.
 * @param run what is recorded; compares as the request says unless it is given.
 * @throws where its beginning or its end cannot be recorded; without an end it is undecided.
 */
export async function runRecorded(
  context: ReconcileContext,
  request: ReconcileRequest,
  run: Run = (running) => reconcile(running, request),
): Promise<ReconciliationRecord> {
  const record = await recorded(context, request, run)
  const { id, kind, state, reason } = record
  context.log.info({ id, kind, state, reason }, 'a reconciliation has ended')
  return record
}
