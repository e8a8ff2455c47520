import { type Html, html } from './html.ts'

/** More than this is not counted: counting what piles up would stop the page when it is needed. */
export const COUNT_LIMIT = 1_000

/** A number as people read it; text, because it may be larger than a JavaScript number. */
export function count(value: number | bigint | string): string {
  return String(value).replace(/\B(?=(?:\d{3})+(?!\d))/g, ',')
}

/** A count that stopped at {@link COUNT_LIMIT}: `1,000+`. */
export function cappedCount(value: number): string {
  return value > COUNT_LIMIT ? `${count(COUNT_LIMIT)}+` : count(value)
}

/**
 * A moment, UTC.
 * @param iso ISO 8601 text of PostgreSQL or of a Date.
 */
export function moment(iso: string | null | undefined): Html {
  if (iso === null || iso === undefined) return html`<span class="none">never</span>`
  const shown = iso.replace('T', ' ').replace(/(:\d\d)\.\d+/, '$1')
  return html`<time datetime="${iso}" title="${iso}">${shown.replace(/(?:Z|\+00(?::?00)?)$/, '')}</time>`
}

/** A length of time, as two units at most: `850 ms`, `3.2 s`, `4 min 10 s`, `2 d 3 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1).replace(/\.0$/, '')} s`
  const units: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ]
  const first = units.findIndex(([, size]) => ms >= size)
  const [name, size] = units[first] ?? ['s', 1_000]
  const [smaller, part] = units[first + 1] ?? ['s', 1_000]
  const rest = Math.floor((ms % size) / part)
  return `${Math.floor(ms / size)} ${name}${rest > 0 ? ` ${rest} ${smaller}` : ''}`
}

export type Tone = 'good' | 'warn' | 'bad' | 'unknown'

/** A state in a word; its colour says nothing that the word does not. */
export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${text}</span>`
}

/** A command line that does the same, to be selected and copied. */
export function commandLine(text: string): Html {
  return html`<code class="command">${text}</code>`
}
