import { ROW_CODES, type RowCode } from '@hq-export/contract'
import type { Topic } from './topic.ts'

interface Help {
  readonly title: string
  readonly who: string
  readonly text: string
}

/** Acts where a row itself is wrong. */
export const ROW_OWNER = 'whoever owns the row in data-engine-x'
const CORRECT =
  'Correct the row in data-engine-x, then replay its dead letter: ' +
  'the row is sent as it is by then. The entry in HQ stays open until somebody discards it.'
const CONFLICT =
  'The detail has the SHA-256 of both contents. Replaying the dead letter gives the row ' +
  'a version of its own; where it says that HQ’s row is of another org, a key was used for ' +
  'two orgs: find the sender by the batch first.'

const HELP: Readonly<Record<RowCode, Help>> = {
  missing_column: {
    title: 'A column of the contract is not there.',
    who: 'whoever deployed the relay or the binding',
    text: `The projection does not send it. Bind again with a binding that has it. ${CORRECT}`,
  },
  invalid_type: {
    title: 'The JSON type is not the one that the column travels as, or a required column is null.',
    who: ROW_OWNER,
    text: CORRECT,
  },
  invalid_value: {
    title: 'The type is right and the value is not: its form, its range, or its closed set.',
    who: ROW_OWNER,
    text: `The detail names the rule, never the value. ${CORRECT}`,
  },
  unrepresentable_nul: {
    title: 'The row has U+0000 in it, which PostgreSQL cannot store.',
    who: ROW_OWNER,
    text: CORRECT,
  },
  unrepresentable_surrogate: {
    title: 'The row has half a UTF-16 surrogate pair in it, which UTF-8 cannot carry.',
    who: ROW_OWNER,
    text: CORRECT,
  },
  row_too_large: {
    title: 'The row is larger than the limit.',
    who: ROW_OWNER,
    text: `Keep large payloads elsewhere and refer to them. ${CORRECT}`,
  },
  secret_detected: {
    title: 'The row holds a credential; HQ keeps it without it.',
    who: 'whoever owns the credential, at once, and then the owner of the row',
    text:
      `Revoke the credential: it has been in a database. ${CORRECT} ` +
      'HQ no longer has what it would need to replay it.',
  },
  not_a_reference: {
    title: 'A column that holds references holds something else, such as the payload itself.',
    who: ROW_OWNER,
    text: CORRECT,
  },
  org_not_allowed: {
    title: 'The key that signed the batch may not write this org.',
    who: 'whoever manages the keys of HQ',
    text:
      'Allow the org by another key of the source, or find out why the row was sent with this ' +
      'one. Only the source may send it again, and replays of HQ leave it open.',
  },
  version_conflict: {
    title: 'HQ has the same version of the row with other content.',
    who: 'nobody at first: the relay raises the version and sends it again by itself',
    text:
      'It is a commit that reached HQ and that the source then lost, ' +
      `or one key of two sources. ${CONFLICT}`,
  },
  append_only_violation: {
    title: 'HQ has the same key with other content, and rows of this dataset never change.',
    who: ROW_OWNER,
    text: CONFLICT,
  },
  uniqueness_violation: {
    title: 'Another row holds the uniqueness guard of the dataset.',
    who: ROW_OWNER,
    text: `Two rows claim to be the same thing. ${CORRECT}`,
  },
  database_rejected: {
    title: 'HQ’s database, or a trigger in it, refused the row after the gateway had taken it.',
    who: 'whoever owns HQ’s tables',
    text:
      'The row is right by the contract. Take away what refuses it, then replay the entry in HQ; ' +
      'the dead letter at the source resolves by its own replay.',
  },
}

/** Codes of rows that HQ refuses. */
export const ROW_TOPICS: readonly Topic[] = ROW_CODES.map((code) => ({
  ...{ code, kind: 'row code', ...HELP[code] },
  commands: [
    `npm run ingest -- quarantine list --reason ${code}`,
    `npm run relay -- dead-letters replay --reason ${code} --dry-run`,
  ],
}))
