import { type Html, html } from './html.ts'

const TRACE_PATTERN = /^[0-9a-f]{32}$/
const TRACEPARENT_PATTERN = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

/** Id of the trace in a W3C trace context; undefined where there is none. */
export function traceOf(traceparent: string | null): string | undefined {
  return TRACEPARENT_PATTERN.exec(traceparent ?? '')?.[1]
}

/**
 * A trace, as a link to Jaeger's own page where that is known.
 * @param id as the databases hold it; anybody may have chosen it.
 */
export function traceLink(jaegerUrl: string | undefined, id: string | null | undefined): Html {
  if (id === null || id === undefined) return html`<span class="none">none</span>`
  if (jaegerUrl === undefined || !TRACE_PATTERN.test(id)) return html`<code>${id}</code>`
  const address = `${jaegerUrl.replace(/\/+$/, '')}/trace/${id}`
  return html`<a href="${address}" rel="noreferrer">open in Jaeger</a>`
}
