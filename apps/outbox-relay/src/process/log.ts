import { createLogger, type Logger, type LogLevel } from '@hq-export/observability/logger.ts'
import { destination } from 'pino'

export type { Logger }

const NAME = 'outbox-relay'
const STANDARD_ERROR = 2

/** The relay's log. */
export function createLog(level: LogLevel | 'silent' = 'info'): Logger {
  return createLogger(NAME, level)
}

/** Warnings and errors of a command, on standard error: standard output is for its result. */
export function createErrorLog(): Logger {
  return createLogger(NAME, 'warn', destination(STANDARD_ERROR))
}
