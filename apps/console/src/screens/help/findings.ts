import { FINDING_CLASSES, type FindingClass } from '@hq-export/contract'
import type { Topic } from './topic.ts'

type Help = Pick<Topic, 'title' | 'who' | 'text'>

const REPAIR = 'Sending it once more mends it; a later comparison proves it.'
const OWNERS = 'the owners of both databases, together'

const HELP: Readonly<Record<FindingClass, Help>> = {
  missing: {
    title: 'The source has the row, HQ has not.',
    who: 'whoever operates the relay',
    text:
      `${REPAIR} Find out why it was missed: an open capture gap, ` +
      'or a row that somebody deleted in HQ.',
  },
  stale: {
    title: 'HQ has an older version of the row.',
    who: 'whoever operates the relay',
    text: REPAIR,
  },
  different: {
    title: 'Same key, same version, other content.',
    who: OWNERS,
    text:
      'Somebody wrote one of the sides by hand. The named columns differ. ' +
      'Sending it once more lets the source win.',
  },
  ahead: {
    title: 'HQ has a newer version than the source.',
    who: OWNERS,
    text:
      'Was the source restored to an earlier moment? The next change goes above HQ’s version; ' +
      'until then HQ knows more than the source.',
  },
  extra: {
    title: 'HQ has a row that the source has not, and that was not deleted there.',
    who: OWNERS,
    text: 'Nothing of ours deletes rows in HQ: whoever owns HQ decides.',
  },
  foreign: {
    title: 'HQ has the key as a row of another source.',
    who: OWNERS,
    text:
      'Two sources share a key, or a relay was renamed. ' +
      'Sending it again changes nothing: find out whose row it is.',
  },
  refused: {
    title: 'The row is held back by a dead letter or a quarantine entry: known, and no difference.',
    who: 'whoever resolves the refused row',
    text: 'The reason beside it has a page of its own.',
  },
}

/** Classes of what a comparison finds. */
export const FINDING_TOPICS: readonly Topic[] = FINDING_CLASSES.map((name) => ({
  ...{ code: `finding.${name}`, kind: 'finding', ...HELP[name] },
  commands: ['npm run relay -- reconcile show latest', 'npm run relay -- reconcile --repair'],
}))
