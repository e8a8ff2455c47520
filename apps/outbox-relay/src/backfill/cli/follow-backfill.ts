import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import type { RelayConfig } from '../../process/config.ts'
import type { Logger } from '../../process/log.ts'
import { hasLeader } from '../../session/lead.ts'
import { type BackfillRecord, controlBackfill, readBackfill } from '../backfill-record.ts'

/** How often a command looks how far a backfill has come, and whether a relay leads. */
const POLL_MS = 500

/** How following a backfill ended. */
export type FollowEnd =
  /** It is completed, canceled, failed, or somebody has paused it. */
  | { readonly kind: 'ended'; readonly record: BackfillRecord }
  /**
   * Somebody has to mend something before anything can be delivered; it stays recorded, with the
   * reason.
   */
  | { readonly kind: 'halted'; readonly record: BackfillRecord }
  /**
   * The operator left: it goes on in the relay (`running`), or waits at its checkpoint (`paused`).
   */
  | { readonly kind: 'left'; readonly record: BackfillRecord }

/** What following needs of the program around it. */
export interface FollowContext {
  readonly client: pg.ClientBase
  /** Settings with which this process can deliver by itself; throws where they are not complete. */
  readonly loadConfig: () => RelayConfig
  readonly log: Logger
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal
  readonly onProgress: (record: BackfillRecord) => void
}

async function readExisting(client: pg.ClientBase, id: string): Promise<BackfillRecord> {
  const record = await readBackfill(client, id)
  if (record === undefined) throw new Error(`backfill ${id} is no longer there`)
  return record
}

/**
 * Shows progress until `ended`, and calls `onLeader` when a relay leads: it has live changes to
 * give way to, and we do not.
 */
async function watch(
  { client, onProgress }: FollowContext,
  id: string,
  ended: AbortSignal,
  onLeader: () => void,
): Promise<void> {
  while (!ended.aborted) {
    if (await hasLeader(client)) onLeader()
    onProgress(await readExisting(client, id))
    await pause(POLL_MS, ended)
  }
}

/**
 * Executes it in this process until it ends, a relay leads, HQ refuses it, or the operator leaves.
 * @returns true if HQ refused it.
 */
async function execute(context: FollowContext, id: string): Promise<boolean> {
  const { interrupted, loadConfig, log } = context
  const config = loadConfig()
  const ending = new AbortController()
  const ended = new AbortController()
  const stopping = AbortSignal.any([interrupted, ending.signal])
  // Where a relay leads, nothing of what delivers is needed here.
  const { executeHere } = await import('./execute-here.ts')
  const [executed, watched] = await Promise.allSettled([
    executeHere({ config, log, stopping }, id).finally(() => ended.abort()),
    watch(context, id, ended.signal, () => ending.abort()).finally(() => ending.abort()),
  ])
  if (executed.status === 'rejected') throw executed.reason
  if (watched.status === 'rejected') throw watched.reason
  // Another command executes it: look again in a while.
  if (executed.value === undefined) {
    await pause(POLL_MS, interrupted)
  }
  return executed.value === 'halted'
}

/**
 * Follows a backfill to its end: while a relay leads, that one executes it; while none does, this
 * process does. So it goes on whoever comes and goes, and ends as soon as everything is settled.
 */
export async function followBackfill(context: FollowContext, id: string): Promise<FollowEnd> {
  const { client, interrupted, onProgress } = context
  let hasExecuted = false
  for (;;) {
    const record = await readExisting(client, id)
    onProgress(record)
    if (record.state !== 'running') return { kind: 'ended', record }
    const isLed = await hasLeader(client)
    if (interrupted.aborted) {
      // Nobody would work on it: say so in the record, too.
      if (hasExecuted && !isLed) await controlBackfill(client, id, 'pause')
      return { kind: 'left', record: await readExisting(client, id) }
    }
    if (isLed) {
      if (record.reason !== null) return { kind: 'halted', record }
      await pause(POLL_MS, interrupted)
      continue
    }
    hasExecuted = true
    if (await execute(context, id))
      return { kind: 'halted', record: await readExisting(client, id) }
  }
}
