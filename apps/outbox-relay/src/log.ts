import { type Logger, pino } from 'pino'

export type { Logger }

/** JSON lines on standard output. What is logged names datasets, batches, counts and codes; never a row's values. */
export function createLog(level: 'debug' | 'info' | 'silent' = 'info'): Logger {
  return pino({ level, base: { service: 'outbox-relay' } })
}

/** Warnings and errors of a command, on standard error: standard output is for its result. */
export function createErrorLog(): Logger {
  return pino({ level: 'warn', base: { service: 'outbox-relay' } }, pino.destination(2))
}
