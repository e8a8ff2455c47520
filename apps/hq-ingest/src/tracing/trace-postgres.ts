import { startSpan } from '@hq-export/observability/span.ts'
import type { TracerProvider } from '@opentelemetry/api'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import pg from 'pg'
import { PostgresSpan } from './postgres-span.ts'
import { summarizeQuery } from './summarize-query.ts'

const SPANS: TracerProvider = {
  getTracer: () => ({
    startSpan: (name, options, parent) => new PostgresSpan(startSpan(name, options, parent)),
    startActiveSpan: () => {
      throw new Error('the instrumentation of pg starts no active spans')
    },
  }),
}

/**
 * The instrumentation waits for `pg` to be imported. Ours was imported before tracing was decided
 * upon, and its classes can be patched all the same: so there is no loader hook, no `--import`, and
 * no order of imports to keep.
 */
class LoadedPgInstrumentation extends PgInstrumentation {
  patchLoaded(): void {
    for (const { name, patch } of this.init()) if (name === 'pg') patch?.(pg)
  }
}

/**
 * Makes every statement inside a traced request a span: its text, never its parameters. Statements
 * outside of one (readiness, migrations) are not shown.
 */
export function tracePostgres(): void {
  const instrumentation = new LoadedPgInstrumentation({
    enabled: false,
    requireParentSpan: true,
    enhancedDatabaseReporting: false,
    requestHook: (span, { query }) => span.updateName(summarizeQuery(query.text)),
  })
  instrumentation.setTracerProvider(SPANS)
  instrumentation.patchLoaded()
}
