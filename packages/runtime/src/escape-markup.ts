import { shownText } from './shown-text.ts'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Characters that no XML document may hold, beside those that are not shown as they are. */
const NO_XML_PATTERN = /[\uFFFE\uFFFF]/g

/**
 * Text of others as content or as a quoted attribute of HTML and XML: nothing in it is markup, and
 * what is no character to look at is an escape.
 */
export function escapeMarkup(text: string): string {
  return shownText(text.toWellFormed())
    .replace(NO_XML_PATTERN, '\uFFFD')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
