import { PROBLEMS, type ProblemCode } from '@hq-export/contract'
import { describeProblem } from '@hq-export/hq-ingest/http/describe-problem.ts'
import type { Topic } from './topic.ts'

/** Who acts, by what the sender does about it. */
const WHO = {
  retry: 'nobody: the relay sends the batch again by itself',
  split: 'nobody: the relay sends the rows in smaller batches by itself',
  halt: 'whoever operates relay and gateway: delivery is halted until it is mended',
  set_aside: 'whoever deploys the relay',
} as const

/** Answers of the gateway that refuse a request as a whole. */
export const PROBLEM_TOPICS: readonly Topic[] = (Object.keys(PROBLEMS) as ProblemCode[]).map(
  (code) => {
    const { title, status, reaction, advice } = describeProblem(code)
    return {
      ...{ code, kind: 'problem', title: `${title} (HTTP ${status}).`, who: WHO[reaction] },
      text: advice,
      commands: ['npm run relay -- doctor', 'npm run ingest -- doctor'],
    }
  },
)
