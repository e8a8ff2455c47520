import { createLogger, type Logger, type LogLevel } from '@hq-export/telemetry/logger.ts'

export type { Logger }

/** The relay's log. */
export function createLog(level: LogLevel | 'silent' = 'info'): Logger {
  return createLogger('outbox-relay', level)
}
