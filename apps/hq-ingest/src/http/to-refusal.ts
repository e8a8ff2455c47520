import { errorType } from '@hq-export/observability/error-type.ts'
import type { Logger } from 'pino'
import { DatabaseUnavailableError } from '../db/database-failure.ts'
import { CallerGoneError } from '../refusal/caller-gone.ts'
import { Refusal } from '../refusal/refusal.ts'

/**
 * What ends when its time is over: a wait for a lock, usually of a row that somebody holds, and a
 * statement with too much to do.
 */
const NOT_IN_TIME: ReadonlySet<string> = new Set(['55P03', '57014'])

/**
 * Where a defect is; its message stays away from the log, because parsers quote what they were
 * given.
 */
function framesOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return stack.split('\n').filter((line) => line.startsWith('    at '))
}

/**
 * Whatever a step throws as the refusal that the caller sees; the log gets what the caller must
 * not.
 * @param requestId names the refusal in both.
 */
export function toRefusal(error: unknown, requestId: string, log: Logger): Refusal {
  if (error instanceof Refusal) {
    const reason = typeof error.cause === 'string' ? error.cause : undefined
    log.info({ code: error.code, detail: error.detail, reason, requestId }, 'refused')
    return error
  }
  if (error instanceof DatabaseUnavailableError) {
    // PostgreSQL's message may quote a value; its SQLSTATE cannot.
    const { sqlstate } = error
    if (sqlstate !== undefined && NOT_IN_TIME.has(sqlstate)) {
      log.warn({ sqlstate, requestId }, 'a batch could not be written in time')
      return new Refusal('not_in_time')
    }
    log.error({ sqlstate, reason: errorType(error.cause), requestId }, 'HQ cannot be written')
    return new Refusal('database_unavailable')
  }
  if (error instanceof CallerGoneError) {
    log.info({ requestId }, 'the caller went away')
    return new Refusal('body_timeout')
  }
  log.error({ frames: framesOf(error), requestId }, 'a batch failed by a defect of the gateway')
  return new Refusal('internal_error')
}
