import {
  createLogger as createServiceLogger,
  type Logger,
  type LogLevel,
} from '@hq-export/observability/logger.ts'

/** The gateway's log. */
export function createLogger(
  level: LogLevel | 'silent' = 'info',
  destination?: { write(line: string): void },
): Logger {
  return createServiceLogger('hq-ingest', level, destination)
}

/** Swallows everything; for tests and for a host that logs by itself. */
export function createSilentLogger(): Logger {
  return createLogger('silent')
}
