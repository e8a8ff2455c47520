import { type Logger, pino } from 'pino'

export type { Logger }

/** JSON lines on standard output. What is logged names datasets, batches, counts and codes; never a row's values. */
export function createLog(level: 'debug' | 'info' | 'silent' = 'info'): Logger {
  return pino({ level, base: { service: 'outbox-relay' } })
}
