import { expect, test } from 'vitest'
import { isTracingAsked } from './start-tracing.ts'

test.each([
  { env: {}, asked: false },
  { env: { OTEL_SERVICE_NAME: 'x' }, asked: false },
  { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }, asked: true },
  { env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://localhost:4318/v1/traces' }, asked: true },
  {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_SDK_DISABLED: 'true' },
    asked: false,
  },
  { env: { OTEL_TRACES_EXPORTER: 'console' }, asked: true },
  {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_TRACES_EXPORTER: 'none' },
    asked: false,
  },
])('tracing is on if and only if the standard variables ask for it: $env', ({ env, asked }) => {
  expect(isTracingAsked(env)).toBe(asked)
})
