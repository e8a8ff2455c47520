import { type Logger, pino } from 'pino'

/**
 * JSON lines on standard output, unless they go to `destination`. Callers log names, counts and codes, never a row's
 * values or a secret.
 */
export function createLogger(
  destination: { write(line: string): void } = pino.destination(1),
): Logger {
  return pino({ name: 'hq-ingest' }, destination)
}

/** Swallows everything; for tests and for a host that logs by itself. */
export function createSilentLogger(): Logger {
  return pino({ level: 'silent' })
}
