import { type Logger, pino } from 'pino'

/** JSON lines on standard output. Callers log names, counts and codes, never a row's values or a secret. */
export function createLogger(): Logger {
  return pino({ name: 'hq-ingest' })
}

/** Swallows everything; for tests and for a host that logs by itself. */
export function createSilentLogger(): Logger {
  return pino({ level: 'silent' })
}
