import { FINDING_TOPICS } from './findings.ts'
import { fromMarkdown } from './markdown.ts'
import { PROBLEM_TOPICS } from './problems.ts'
import { ROW_TOPICS } from './row-codes.ts'
import { runbook } from './runbook.ts'
import { SOURCE_TOPICS } from './source-reasons.ts'
import type { Topic } from './topic.ts'

let known: readonly Topic[] | undefined

/** What an alert means, the first sentence of its section. */
function firstSentence(markdown: string): string {
  const [, meaning = ''] = /\*\*What it means\.\*\*\s+([\s\S]*?[.:])(?:\s|$)/.exec(markdown) ?? []
  return meaning.replace(/\s+/g, ' ').replaceAll('`', '')
}

function alertTopics(): Topic[] {
  return runbook().map(({ name, markdown }) => ({
    ...{ code: name, kind: 'alert', title: firstSentence(markdown), who: undefined },
    ...{ text: fromMarkdown(markdown), commands: [] },
  }))
}

/** Everything that has a page of help. */
export function topics(): readonly Topic[] {
  known ??= [
    ...ROW_TOPICS,
    ...SOURCE_TOPICS,
    ...FINDING_TOPICS,
    ...alertTopics(),
    ...PROBLEM_TOPICS,
  ]
  return known
}
