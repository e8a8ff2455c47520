import { expect, test } from 'vitest'
import { explainConnectError } from './explain-connect-error.ts'

const HQ = { name: 'HQ', variable: 'HQ_DATABASE_URL', role: 'hq_ingest_writer' }

function explain(code: string | undefined, error: Error = new Error('as the server says it')) {
  return explainConnectError(code === undefined ? error : Object.assign(error, { code }), HQ)
}

test.each([
  ['3D000', /no database of the name in HQ_DATABASE_URL/],
  ['28P01', /password in HQ_DATABASE_URL/],
  ['28000', /pg_hba\.conf.*TLS/],
  ['42501', /grant hq_ingest_writer/],
  ['22023', /no role hq_ingest_writer/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /certificate of HQ.*sslrootcert/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /certificate of HQ.*sslrootcert/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /certificate of HQ.*sslrootcert/],
  [
    'ETIMEDOUT',
    /^HQ does not answer: as the server says it; start it, or correct HQ_DATABASE_URL$/,
  ],
])('%s is said in one sentence', (code, sentence) => {
  expect(explain(code)).toMatch(sentence)
})

test('of a name with several addresses, every attempt is said', () => {
  const attempts = [
    new Error('connect ECONNREFUSED ::1:9'),
    new Error('connect ECONNREFUSED 127.0.0.1:9'),
  ]
  expect(explain('ECONNREFUSED', new AggregateError(attempts))).toBe(
    'HQ does not answer: Error: connect ECONNREFUSED ::1:9, ' +
      'Error: connect ECONNREFUSED 127.0.0.1:9; start it, or correct HQ_DATABASE_URL',
  )
})

test.each([['XX000'], ['42P01'], [undefined]])('%s is no matter of connecting', (code) => {
  expect(explain(code)).toBeUndefined()
})
