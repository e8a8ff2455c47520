import { type Html, html } from './html.ts'

const WIDTH = 120
const HEIGHT = 24

/**
 * A small picture of a series, from the oldest to the newest, above 0; gaps are gaps.
 * @param label what it shows, in words.
 */
export function sparkline(values: readonly (number | undefined)[], label: string): Html {
  const highest = Math.max(1e-9, ...values.map((value) => value ?? 0))
  const step = WIDTH / Math.max(1, values.length - 1)
  const lines: string[][] = [[]]
  for (const [index, value] of values.entries()) {
    if (value === undefined) lines.push([])
    else {
      const y = HEIGHT - 1 - (value / highest) * (HEIGHT - 2)
      lines.at(-1)?.push(`${(index * step).toFixed(1)},${y.toFixed(1)}`)
    }
  }
  return html`<svg class="sparkline" role="img" aria-label="${label}" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">${lines
    .filter((points) => points.length > 0)
    .map(
      (points) =>
        html`<polyline fill="none" stroke="currentColor" stroke-width="1.5" points="${points.join(' ')}"/>`,
    )}</svg>`
}
