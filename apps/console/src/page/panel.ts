import type { Reading } from '../db/side.ts'
import { type Content, type Html, html } from './html.ts'

export interface PanelOptions {
  /** Of the page, stable: a live update finds it by this. */
  readonly id: string
  readonly title: string
}

/** A part of a page with a heading. */
export function panel({ id, title }: PanelOptions, content: Content): Html {
  return html`<section class="panel" id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${content}
</section>`
}

/** Why there is nothing to show: three different things, and none of them is "nothing". */
export function absence(reading: Exclude<Reading<unknown>, { state: 'read' }>): Html {
  const titles = {
    'not connected': 'Not connected',
    unreachable: 'Cannot be asked now',
    'too slow': 'Took too long',
    unreadable: 'Cannot be read by this release',
  }
  return html`<p class="absence" data-state="${reading.state}"><strong>${titles[reading.state]}.</strong> ${reading.reason}.</p>`
}

/** A part of a page that is what a reading came to, or says why there is none. */
export function readPanel<T>(
  options: PanelOptions,
  reading: Reading<T>,
  show: (value: T) => Content,
): Html {
  return panel(options, reading.state === 'read' ? show(reading.value) : absence(reading))
}

/** What would stand here, and why it does not. */
export function empty(text: string): Html {
  return html`<p class="empty">${text}</p>`
}
