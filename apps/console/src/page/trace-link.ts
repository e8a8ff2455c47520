import { type Html, html } from './html.ts'

const TRACE_PATTERN = /^[0-9a-f]{32}$/

/** Whether it is the id of a trace: anybody may have chosen what the databases hold. */
export function isTraceId(id: string): boolean {
  return TRACE_PATTERN.test(id)
}

/** A trace on Jaeger's own page; undefined where that is not known, or the id is none. */
export function traceAddress(jaegerUrl: string | undefined, id: string): string | undefined {
  if (jaegerUrl === undefined || !isTraceId(id)) return undefined
  return `${jaegerUrl.replace(/\/+$/, '')}/trace/${id}`
}

/** A trace, as a link to Jaeger where that is known. @param id as the databases hold it. */
export function traceLink(jaegerUrl: string | undefined, id: string | null | undefined): Html {
  if (id === null || id === undefined) return html`<span class="none">none</span>`
  const address = traceAddress(jaegerUrl, id)
  if (address === undefined) return html`<code>${id}</code>`
  return html`<a href="${address}" rel="noreferrer">open in Jaeger</a>`
}
