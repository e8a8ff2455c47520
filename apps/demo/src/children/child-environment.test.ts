import { expect, it } from 'vitest'
import { childEnvironment } from './child-environment.ts'

it('a child gets the standard variables and its own settings', () => {
  const env = {
    PATH: '/bin',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
    GONE: undefined,
  }
  expect(childEnvironment(env, { INGEST_PORT: '1' })).toEqual({
    PATH: '/bin',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
    INGEST_PORT: '1',
  })
})

it('a child gets no secret of the other app', () => {
  const env = { DX_DATABASE_URL: 'postgres://a', HQ_SIGNING_SECRET: 'whsec_', INGEST_KEYS: 'x' }
  expect(childEnvironment(env, { HQ_DATABASE_URL: 'postgres://b' })).toEqual({
    HQ_DATABASE_URL: 'postgres://b',
  })
})
