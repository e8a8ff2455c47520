import { expect, test } from 'vitest'
import { summarizeQuery } from './summarize-query.ts'

test.each([
  ['begin', 'BEGIN'],
  ['savepoint rows', 'SAVEPOINT'],
  ['rollback to savepoint rows; release savepoint rows', 'ROLLBACK TO SAVEPOINT'],
  ['select fingerprint, answer from ingest.batch where source = $1', 'SELECT ingest.batch'],
  ['\n insert into ingest.batch\n (source) values ($1)', 'INSERT ingest.batch'],
  [
    'select pg_catalog.pg_try_advisory_xact_lock($1) as claimed',
    'SELECT pg_try_advisory_xact_lock',
  ],
  [
    'with input as (select * from rows from (pg_catalog.json_to_recordset($1::json) as (a int))) insert into hq.dx_a_v1 as t select * from input',
    'INSERT hq.dx_a_v1',
  ],
])('%s is named %s', (text, name) => {
  expect(summarizeQuery(text)).toBe(name)
})
