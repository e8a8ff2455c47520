import { type Content, html } from './html.ts'
import type { Page } from './screen.ts'

/**
 * The answer to an address that means nothing: what is wrong with it.
 * @param problem a sentence without its full stop.
 * @param content what helps to ask again.
 */
export function malformed(title: string, problem: string, content?: Content): Page {
  return {
    title,
    status: 400,
    content: html`<p class="absence" role="alert"><strong>This cannot be looked up.</strong> ${problem}.</p>
${content}`,
  }
}
