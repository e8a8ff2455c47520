import { type Html, html } from './html.ts'
import { empty } from './panel.ts'

/** One line of a chart. */
export interface Line {
  readonly name: string
  /** One for each moment; undefined is a gap. */
  readonly values: readonly (number | undefined)[]
}

export interface ChartOptions {
  readonly id: string
  readonly title: string
  /** Of all values, such as `rows/s` or `%`. */
  readonly unit: string
  /** Seconds since the epoch, rising. */
  readonly moments: readonly number[]
  readonly lines: readonly Line[]
  /** Where there is nothing to draw: what would stand here, and why it does not. */
  readonly empty: string
}

const WIDTH = 600
const HEIGHT = 160
/** Colours that style.css has. */
const COLOURS = 8

function shown(value: number): string {
  if (value === 0) return '0'
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** The picture for whom no script draws one: each line from the left to the right, above 0. */
function picture({ moments, lines, title }: ChartOptions): Html {
  const [first = 0, last = first + 1] = [moments[0], moments.at(-1)]
  const highest = Math.max(
    1e-9,
    ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)),
  )
  const pointsOf = ({ values }: Line) =>
    moments.flatMap((moment, index) => {
      const value = values[index]
      if (value === undefined) return []
      const x = ((moment - first) / Math.max(1, last - first)) * WIDTH
      const y = HEIGHT - 2 - (value / highest) * (HEIGHT - 4)
      return [`${x.toFixed(1)},${y.toFixed(1)}`]
    })
  return html`<svg role="img" aria-label="${title}" width="100%" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${lines.map(
    (line, index) =>
      html`<polyline class="line-${index % COLOURS}" fill="none" stroke="currentColor" stroke-width="1.5" points="${pointsOf(line).join(' ')}"/>`,
  )}</svg>`
}

/**
 * A picture of numbers over time, and the numbers themselves in a table, from which a script draws
 * a picture that tells the value under the cursor.
 */
export function chart(options: ChartOptions): Html {
  const { id, title, unit, moments, lines } = options
  if (moments.length === 0 || lines.length === 0)
    return html`<figure class="chart" id="${id}"><figcaption>${title}</figcaption>${empty(options.empty)}</figure>`
  const rows = moments.map((moment, index) => {
    const iso = new Date(moment * 1_000).toISOString()
    return html`<tr id="${id}-${moment}"><th scope="row"><time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')}</time></th>${lines.map(
      ({ values }) => {
        const value = values[index]
        return value === undefined
          ? html`<td class="number">-</td>`
          : html`<td class="number" data-value="${value}">${shown(value)}</td>`
      },
    )}</tr>
`
  })
  return html`<figure class="chart" id="${id}" data-unit="${unit}">
<figcaption>${title}, ${unit}</figcaption>
<div class="plot" id="${id}-plot">${picture(options)}</div>
<ul class="legend">${lines.map(
    ({ name }, index) => html`<li><span class="line-${index % COLOURS}">―</span> ${name}</li>`,
  )}</ul>
<details id="${id}-numbers"><summary>The numbers</summary>
<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table>
<caption>${title}, ${unit}, by the minute at which each part begins, UTC</caption>
<thead><tr><th scope="col">from</th>${lines.map(
    ({ name }) => html`<th scope="col" class="number">${name}</th>`,
  )}</tr></thead>
<tbody>${rows}</tbody>
</table></div></details>
</figure>`
}
