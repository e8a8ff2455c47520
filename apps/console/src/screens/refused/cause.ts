import { href } from '../../page/href.ts'
import { type Content, html, NOTHING } from '../../page/html.ts'
import { ROW_OWNER, ROW_TOPICS } from '../help/row-codes.ts'
import { SOURCE_TOPICS } from '../help/source-reasons.ts'

/** Why rows are refused: those with the same cause are one thing to do. */
export interface Cause {
  readonly dataset: string
  readonly code: string
  /** Where in the row, such as `/row/status`; '' where nobody says. */
  readonly pointer: string
}

/** Names a cause. */
export function causeKey({ dataset, code, pointer }: Cause): string {
  return JSON.stringify([dataset, code, pointer])
}

/** Its rows. */
export function causeHref({ dataset, code, pointer }: Cause): string {
  // A pointer of nothing is a value, too.
  const search = new URLSearchParams({ dataset, code, pointer })
  return `${href(['refused'])}?${search}`
}

/** The code with its help. */
export function codeLink(code: string): Content {
  return html`<a href="${href(['help', code])}">${code}</a>`
}

/** Of the pointer what people call it. */
export function placeOf(pointer: string): string {
  if (pointer === '') return 'nobody says'
  return pointer === '/row' ? 'the row' : pointer.replace(/^\/row\//, '')
}

const TOPICS = [...ROW_TOPICS, ...SOURCE_TOPICS]

/** Who must act about a refusal, as its page of help says. */
export function whoActs(code: string): string {
  return TOPICS.find((topic) => topic.code === code)?.who ?? ROW_OWNER
}

/** What comes before a row is sent again, as its page of help says. */
export function whatToDo(code: string): Content {
  const text = TOPICS.find((topic) => topic.code === code)?.text
  return text === undefined ? NOTHING : html`<p><strong>What to do.</strong> ${text}</p>`
}
