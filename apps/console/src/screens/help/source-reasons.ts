import type { UndeliveredReason } from '@hq-export/outbox-relay/batch/batch-outcome.ts'
import { ROW_OWNER } from './row-codes.ts'
import type { Topic } from './topic.ts'

type SourceReason = UndeliveredReason | 'capture_failed' | 'projection_failed'

type Help = Pick<Topic, 'title' | 'who' | 'text'>

const HELP: Readonly<Record<SourceReason, Help>> = {
  capture_failed: {
    title: 'A change could not be captured as the contract wants it.',
    who: ROW_OWNER,
    text:
      'An expression of the binding fails on the row. The detail has PostgreSQL’s code. ' +
      'Correct the row, or the binding, then replay. Where nothing of the row was kept, backfill its dataset.',
  },
  projection_failed: {
    title: 'A row could not be projected while it was backfilled.',
    who: ROW_OWNER,
    text: 'As with capture_failed: correct the row, or the binding, then replay.',
  },
  too_large: {
    title: 'HQ does not take a row of this size.',
    who: ROW_OWNER,
    text: 'The detail says how large it was. Make it smaller in data-engine-x, then replay.',
  },
  unanswered: {
    title: 'No request that carries the row is answered.',
    who: 'whoever runs the gateway, or what stands before it',
    text:
      'Others are answered. Look for what drops this one: a proxy, a firewall, a limit. ' +
      'Then replay.',
  },
  blocked: {
    title: 'HQ, or somebody between us and HQ, refuses the row outright.',
    who: 'whoever runs the gateway, or what stands before it',
    text: 'The detail has the answer. Find who gives it, mend that, then replay.',
  },
  not_in_time: {
    title: 'HQ cannot write the row now.',
    who: 'nobody at first: the relay tries it again by itself, every five minutes at last',
    text:
      'If it stays, look in HQ for who holds the row locked ' +
      '(pg_stat_activity, pg_blocking_pids).',
  },
  dataset_retired: {
    title: 'HQ takes no row of this dataset version any more.',
    who: 'whoever deploys the relay',
    text: 'The contract names what took its place. Deploy a relay that sends it, then discard.',
  },
}

/** Reasons of dead letters that HQ has not given. */
export const SOURCE_TOPICS: readonly Topic[] = Object.entries(HELP).map(([code, help]) => ({
  ...{ code, kind: 'reason at the source', ...help },
  commands: [
    'npm run relay -- dead-letters list',
    `npm run relay -- dead-letters replay --reason ${code} --dry-run`,
  ],
}))
