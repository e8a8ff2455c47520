import { expect, test } from 'vitest'
import { tracesHint } from './traces-hint.ts'

test('a demo that traces says where Jaeger shows it', () => {
  expect(tracesHint({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://jaeger:4318' }, 'data-engine-x')).toBe(
    'sent to http://jaeger:4318; in Jaeger: http://jaeger:16686/search?service=data-engine-x',
  )
  expect(tracesHint({}, 'data-engine-x')).toBeUndefined()
})
