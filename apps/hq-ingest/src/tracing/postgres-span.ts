import { endSpan, failSpan } from '@hq-export/observability/span.ts'
import {
  type Attributes,
  type AttributeValue,
  type Exception,
  type Link,
  type Span,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
} from '@opentelemetry/api'

const SQLSTATE = /\(code: (\w+)\)$/

/**
 * What the instrumentation of pg may do with a span. PostgreSQL quotes the value that it refuses in
 * its message, and the instrumentation puts the message into the status: here only the SQLSTATE
 * passes, and times are those of our clock.
 */
export class PostgresSpan implements Span {
  readonly #span: Span
  #sqlstate = 'unknown'

  constructor(span: Span) {
    this.#span = span
  }

  spanContext(): SpanContext {
    return this.#span.spanContext()
  }

  setAttribute(key: string, value: AttributeValue): this {
    this.#span.setAttribute(key, value)
    return this
  }

  setAttributes(attributes: Attributes): this {
    this.#span.setAttributes(attributes)
    return this
  }

  /** No event of the instrumentation is of use to us. */
  addEvent(): this {
    return this
  }

  addLink(link: Link): this {
    this.#span.addLink(link)
    return this
  }

  addLinks(links: Link[]): this {
    this.#span.addLinks(links)
    return this
  }

  setStatus({ code }: SpanStatus): this {
    if (code === SpanStatusCode.ERROR) failSpan(this.#span, this.#sqlstate)
    return this
  }

  updateName(name: string): this {
    this.#span.updateName(name)
    return this
  }

  end(): void {
    endSpan(this.#span)
  }

  isRecording(): boolean {
    return this.#span.isRecording()
  }

  /** Gets a text that was cleaned already: the class of the error and its SQLSTATE. */
  recordException(exception: Exception): void {
    const text = typeof exception === 'string' ? exception : ''
    this.#sqlstate = SQLSTATE.exec(text)?.[1] ?? 'unknown'
  }
}
