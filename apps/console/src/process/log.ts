import { createLogger, type Logger, type LogLevel } from '@hq-export/observability/logger.ts'

export type { Logger }

/** The console's log. */
export function createLog(level: LogLevel | 'silent' = 'info'): Logger {
  return createLogger('console', level)
}
