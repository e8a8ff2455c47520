import { parseTraceparent } from '@hq-export/contract'
import { type Context, type Link, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'

/** Traces that one batch leads to at most; OpenTelemetry's default limit of links per span. */
const MAX_ORIGINS = 128

/** A sampled trace of the application that wrote rows of a batch. */
export interface Origin {
  spanContext: SpanContext
  /** Rows of the batch that were written in it. */
  rows: number
}

/**
 * The traces in which the rows of a batch were written, each once, by its id. Only sampled ones:
 * what nobody recorded leads nowhere. Bounded; what does not fit is counted.
 */
export class Origins<T extends Origin = Origin> {
  readonly #byTraceId = new Map<string, T>()
  readonly #dropped = new Set<string>()
  readonly #create: (origin: Origin) => T

  constructor(create: (origin: Origin) => T) {
    this.#create = create
  }

  /**
   * Counts a row with this `traceparent`; undefined where it leads nowhere or there are too many.
   */
  add(traceparent: string): T | undefined {
    const known = this.#byTraceId.get(traceparent.slice(3, 35))
    if (known !== undefined) {
      known.rows++
      return known
    }
    const parsed = parseTraceparent(traceparent)
    if (parsed === undefined || (parsed.flags & 1) === 0) return undefined
    const { traceId, spanId, flags } = parsed
    if (this.#byTraceId.size === MAX_ORIGINS) {
      this.#dropped.add(traceId)
      return undefined
    }
    const origin = this.#create({
      spanContext: { traceId, spanId, traceFlags: flags, isRemote: true },
      rows: 1,
    })
    this.#byTraceId.set(traceId, origin)
    return origin
  }

  /** Traces that did not fit. */
  get dropped(): number {
    return this.#dropped.size
  }

  find(traceId: string): T | undefined {
    return this.#byTraceId.get(traceId)
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#byTraceId.values()
  }

  /** Links from the batch to each of them. */
  links(): Link[] {
    return Array.from(this, ({ spanContext, rows }) => ({
      context: spanContext,
      attributes: { 'hq_export.link': 'origin', 'hq_export.rows': rows },
    }))
  }
}

/** The context in which a span becomes part of an origin's trace. */
export function contextOf({ spanContext }: Origin): Context {
  return trace.setSpanContext(ROOT_CONTEXT, spanContext)
}
