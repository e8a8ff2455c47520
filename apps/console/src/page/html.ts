import { SHOWN_CHARS, shownText } from '@hq-export/runtime/shown-text.ts'
import { html as escaping } from 'hono/html'

/** Markup that {@link html} has made. */
export type Html = Awaited<ReturnType<typeof escaping>>

/** What may stand in a template: text of anybody, numbers, markup of ours, lists of these. */
export type Content =
  | string
  | number
  | bigint
  | Html
  | undefined
  | null
  | false
  | readonly Content[]

function toMarkup(content: Content): unknown {
  if (content === undefined || content === null || content === false) return ''
  if (typeof content === 'string') return shownText(content.slice(0, SHOWN_CHARS).toWellFormed())
  // Markup of ours is a String object, and no primitive.
  if (typeof content === 'object' && Array.isArray(content)) return content.map(toMarkup)
  return typeof content === 'object' ? content : String(content)
}

/**
 * Markup with text of others in it: nothing in it is markup, and what is no character to look at,
 * or would turn the direction of what follows, is an escape. Attributes must be quoted; URLs come
 * from {@link href}.
 */
export function html(strings: TemplateStringsArray, ...content: readonly Content[]): Html {
  const made = escaping(strings, ...content.map(toMarkup))
  if (made instanceof Promise) throw new TypeError('a page is rendered after everything was read')
  return made
}

/** Nothing. */
export const NOTHING: Html = html``
