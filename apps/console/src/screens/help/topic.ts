import type { Html } from '../../page/html.ts'

/** What a code means, and who does what about it. */
export interface Topic {
  readonly code: string
  /** What kind of code it is, such as an alert. */
  readonly kind: TopicKind
  /** What it means, in a sentence. */
  readonly title: string
  /** Who acts; undefined where the text says it. */
  readonly who: string | undefined
  /** What is to be known and done beside the command. */
  readonly text: string | Html
  /** Commands that list or mend it. */
  readonly commands: readonly string[]
}

export const TOPIC_KINDS = [
  'row code',
  'reason at the source',
  'finding',
  'problem',
  'alert',
] as const
export type TopicKind = (typeof TOPIC_KINDS)[number]
