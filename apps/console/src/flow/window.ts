import { choices } from '../page/form.ts'
import { type Html, html } from '../page/html.ts'

/** How much of the past a page looks at. */
export interface Window {
  /** As `?window=` has it. */
  readonly name: string
  readonly ms: number
  /** Minutes of a point of a picture. */
  readonly bucketMinutes: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

const DEFAULT: Window = { name: '1h', ms: HOUR_MS, bucketMinutes: 1 }

export const WINDOWS: readonly Window[] = [
  DEFAULT,
  { name: '6h', ms: 6 * HOUR_MS, bucketMinutes: 5 },
  { name: '24h', ms: 24 * HOUR_MS, bucketMinutes: 60 },
  { name: '7d', ms: 7 * 24 * HOUR_MS, bucketMinutes: 60 },
]

/** The window that a page's address asks for; the shortest where it names none. */
export function windowOf(query: URLSearchParams): Window {
  return WINDOWS.find(({ name }) => name === query.get('window')) ?? DEFAULT
}

/** What somebody chooses the window by. */
export function windowForm({ name: chosen }: Window): Html {
  return html`<form method="get" class="filter"><label>window <select name="window">${choices(
    WINDOWS.map(({ name }) => name),
    chosen,
  )}</select></label><button>Show</button></form>`
}
