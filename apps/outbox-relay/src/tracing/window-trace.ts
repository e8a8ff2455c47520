import { nowMs } from '@hq-export/observability/clock.ts'
import { errorType } from '@hq-export/observability/error-type.ts'
import { endSpan, failSpan, startSpan } from '@hq-export/observability/span.ts'
import { isTracing } from '@hq-export/observability/start-tracing.ts'
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  trace,
} from '@opentelemetry/api'
import { DeliveryStoppedError } from '../batch/delivery-stopped.ts'

const WINDOW = createContextKey('hq_export.window')
/**
 * Batches of one trace. A window of millions of rows is several traces, each one that a person can
 * read and a sampler can skip.
 */
const MAX_BATCHES = 32
const DATABASE: SpanOptions = {
  kind: SpanKind.CLIENT,
  attributes: { 'db.system.name': 'postgresql' },
}

/** One trace of a window: ends when nothing more will be added and every batch in it is settled. */
class Part {
  readonly span: Span
  readonly context: Context
  #open = 0
  #batches = 0
  #isClosed = false

  constructor(number: number, startTime: number, previous: Part | undefined) {
    const links =
      previous === undefined
        ? []
        : [{ context: previous.span.spanContext(), attributes: { 'hq_export.link': 'previous' } }]
    const attributes = { 'hq_export.window.part': number }
    // A root whatever is active: a window belongs to nobody's trace.
    this.span = startSpan('push window', { root: true, startTime, links, attributes }, ROOT_CONTEXT)
    this.context = trace.setSpan(ROOT_CONTEXT, this.span)
  }

  get isFull(): boolean {
    return this.#batches >= MAX_BATCHES
  }

  enter(): void {
    this.#batches++
    this.#open++
  }

  leave(): void {
    this.#open--
    this.#endIfDone()
  }

  close(attributes: Attributes = {}): void {
    this.span.setAttributes(attributes)
    this.#isClosed = true
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#isClosed && this.#open === 0) endSpan(this.span)
  }
}

/** What the loop tells about a window. */
export interface WindowTracing {
  /** A step against data-engine-x. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Delivery of the window: everything below finds its trace here. */
  deliver<T>(work: () => Promise<T>): Promise<T>
  /** The window is done. */
  end(): void
}

const NOT_TRACED: WindowTracing = {
  step: (_name, work) => work(),
  deliver: (work) => work(),
  end: () => {},
}

/**
 * The trace of one window. Nothing is emitted before a page with rows was read: a relay at rest
 * looks into the outbox all the time and must not be seen to.
 */
export class WindowTrace implements WindowTracing {
  #steps: { name: string; startTime: number; endTime: number }[] = []
  #part: Part | undefined
  #parts = 0
  #rows = 0

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startTime = nowMs()
    try {
      const result = await work()
      this.#emit(name, startTime)
      return result
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  async deliver<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await context.with(ROOT_CONTEXT.setValue(WINDOW, this), work)
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  end(): void {
    this.#part?.close({ 'hq_export.window.rows': this.#rows })
    this.#part = undefined
  }

  /** A page with rows was read. */
  notePage(rows: number, startTime: number): void {
    this.#rows += rows
    if (this.#part === undefined) {
      this.#open(this.#steps[0]?.startTime ?? startTime)
      for (const step of this.#steps) this.#span(step.name, step.startTime, step.endTime)
    } else if (this.#part.isFull) {
      this.#open(startTime)
    }
    this.#span('read page', startTime, nowMs(), { 'db.response.returned_rows': rows })
  }

  /** Nothing is left of the window, which took a last look at every outbox table. */
  noteEnd(startTime: number): void {
    this.#span('find no more', startTime, nowMs())
  }

  /** Runs the delivery of a batch as a part of this window. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    const part = this.#part
    if (part === undefined) return work()
    part.enter()
    try {
      return await context.with(part.context, work)
    } finally {
      part.leave()
    }
  }

  #open(startTime: number): void {
    const previous = this.#part
    this.#part = new Part(++this.#parts, startTime, previous)
    previous?.close()
  }

  #emit(name: string, startTime: number): void {
    if (this.#part === undefined) this.#steps.push({ name, startTime, endTime: nowMs() })
    else this.#span(name, startTime, nowMs())
  }

  #span(name: string, startTime: number, endTime: number, attributes: Attributes = {}): void {
    if (this.#part === undefined) return
    const options = { ...DATABASE, startTime }
    const span = startSpan(name, options, this.#part.context)
    endSpan(span.setAttributes(attributes), endTime)
  }

  #fail(error: unknown): void {
    const span = this.#part?.span
    // A relay that stops between two attempts has lost nothing: no error.
    if (error instanceof DeliveryStoppedError) span?.addEvent('stopped')
    else if (span !== undefined) failSpan(span, errorType(error))
    this.end()
  }
}

/** Opens the trace of a window; one that costs nothing while nothing traces. */
export function openWindowTrace(): WindowTracing {
  return isTracing() ? new WindowTrace() : NOT_TRACED
}

/** The window that is being delivered; undefined while nothing traces. */
export function activeWindow(): WindowTrace | undefined {
  return context.active().getValue(WINDOW) as WindowTrace | undefined
}
