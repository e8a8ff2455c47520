import { join } from 'node:path'
import protobuf from 'protobufjs'

/** Kinds of OTLP, by number. */
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const
/** Status codes of OTLP, by number. */
const STATUSES = ['unset', 'ok', 'error'] as const

type Value = string | number | boolean | undefined

/** A span as it was exported. Ids in hex, times in milliseconds since the epoch. */
export interface ExportedSpan {
  /** `service.name` of the program that exported it. */
  readonly service: Value
  readonly name: string
  readonly kind: (typeof KINDS)[number]
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentSpanId: string
  readonly startMs: number
  readonly endMs: number
  readonly status: (typeof STATUSES)[number]
  readonly attributes: Readonly<Record<string, Value>>
  readonly events: readonly { readonly name: string }[]
  readonly links: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly attributes: Readonly<Record<string, Value>>
  }[]
}

interface KeyValue {
  readonly key: string
  readonly value?: {
    readonly stringValue?: string
    readonly boolValue?: boolean
    readonly intValue?: string
    readonly doubleValue?: number
  }
}

interface Message {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: Buffer
        readonly spanId: Buffer
        readonly parentSpanId: Buffer
        readonly name: string
        readonly kind: number
        readonly startTimeUnixNano: string
        readonly endTimeUnixNano: string
        readonly attributes: readonly KeyValue[]
        readonly events: readonly { readonly name: string }[]
        readonly links: readonly {
          readonly traceId: Buffer
          readonly spanId: Buffer
          readonly attributes: readonly KeyValue[]
        }[]
        readonly status?: { readonly code: number }
      }[]
    }[]
  }[]
}

const REQUEST = protobuf
  .loadSync(join(import.meta.dirname, 'trace.proto'))
  .lookupType('otlp.ExportTraceServiceRequest')

function attributesOf(pairs: readonly KeyValue[] = []): Record<string, Value> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [
      key,
      value?.stringValue ??
        value?.boolValue ??
        (value?.intValue === undefined ? value?.doubleValue : Number(value.intValue)),
    ]),
  )
}

function toMs(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1000n) / 1000
}

/** Reads an OTLP export of traces in protobuf. */
export function decodeSpans(bytes: Buffer): ExportedSpan[] {
  const options = { longs: String, bytes: Buffer, arrays: true, defaults: true }
  const message = REQUEST.toObject(REQUEST.decode(bytes), options) as Message
  return message.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = attributesOf(resource?.attributes)['service.name']
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service,
        name: span.name,
        kind: KINDS[span.kind] ?? 'unspecified',
        traceId: span.traceId.toString('hex'),
        spanId: span.spanId.toString('hex'),
        parentSpanId: span.parentSpanId.toString('hex'),
        startMs: toMs(span.startTimeUnixNano),
        endMs: toMs(span.endTimeUnixNano),
        status: STATUSES[span.status?.code ?? 0] ?? 'unset',
        attributes: attributesOf(span.attributes),
        events: span.events,
        links: span.links.map((link) => ({
          traceId: link.traceId.toString('hex'),
          spanId: link.spanId.toString('hex'),
          attributes: attributesOf(link.attributes),
        })),
      })),
    )
  })
}
