import { isSpanContextValid, trace } from '@opentelemetry/api'
import { type Logger, pino } from 'pino'

export type { Logger }

/** Levels of `LOG_LEVEL`; `silent` is for tests. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * Trace and span that a line belongs to, under the names that OpenTelemetry's log data model uses.
 */
function activeTrace(): Record<string, string> {
  const context = trace.getActiveSpan()?.spanContext()
  if (context === undefined || !isSpanContextValid(context)) return {}
  return { trace_id: context.traceId, span_id: context.spanId }
}

/**
 * JSON lines on standard output, each with the trace that it belongs to. `debug` has a line per
 * batch; `info` what an operator wants to read once; `warn` what heals by itself; `error` what
 * somebody has to mend. Callers log names, counts and codes, never a row's values or a secret.
 */
export function createLogger(
  service: string,
  level: LogLevel | 'silent' = 'info',
  destination: { write(line: string): void } = pino.destination(1),
): Logger {
  return pino({ level, base: { service }, mixin: activeTrace }, destination)
}
