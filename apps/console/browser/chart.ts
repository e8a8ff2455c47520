import uPlot from './uplot.js'

const HEIGHT = 200
const COLOURS = 8
const DAY_S = 86_400

interface Numbers {
  readonly names: readonly string[]
  /** The moments, then the values of each line; null is a gap. */
  readonly data: (number | null)[][]
}

interface Drawn {
  readonly plot: uPlot
  readonly names: string
}

const drawn = new Map<string, Drawn>()

/** What the table of a figure says: a page brings its numbers in no other way. */
function read(table: HTMLTableElement): Numbers {
  const names = [...table.querySelectorAll('thead th')].slice(1).map((th) => th.textContent ?? '')
  const rows = [...table.querySelectorAll('tbody tr')]
  const moments = rows.map((row) => Date.parse(row.querySelector('time')?.dateTime ?? '') / 1_000)
  const lines = names.map((_, index) =>
    rows.map((row) => {
      const value = row.querySelectorAll<HTMLElement>('td')[index]?.dataset.value
      return value === undefined ? null : Number(value)
    }),
  )
  return { names, data: [moments, ...lines] }
}

function format(value: number | null, unit: string): string {
  if (value === null) return '-'
  const digits = value >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(3)
  return `${digits} ${unit}`
}

/** UTC, with the day where there are several. */
function clock(seconds: number, hasDays: boolean): string {
  return new Date(seconds * 1_000)
    .toISOString()
    .slice(hasDays ? 5 : 11, 16)
    .replace('T', ' ')
}

function draw(place: HTMLElement, { names, data }: Numbers, unit: string): uPlot {
  const style = getComputedStyle(document.documentElement)
  const probe = document.createElement('span')
  place.replaceChildren(probe)
  const colour = (index: number) => {
    probe.className = `line-${index % COLOURS}`
    return getComputedStyle(probe).color
  }
  const colours = names.map((_, index) => colour(index))
  probe.className = 'axis'
  const [text, line] = [style.color, getComputedStyle(probe).color]
  probe.remove()
  const axis = {
    stroke: text,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
  }
  const [first = 0, last = 0] = [data[0]?.[0] ?? 0, data[0]?.at(-1) ?? 0]
  const hasDays = last - first > DAY_S
  return new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
      scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((split) => clock(split, hasDays)) },
        { ...axis, size: 60 },
      ],
      series: [
        { label: 'from', value: (_, value) => (value === null ? '-' : clock(value, true)) },
        ...names.map((label, index) => ({
          label,
          stroke: colours[index] ?? text,
          width: 1.5,
          value: (_: unknown, value: number | null) => format(value, unit),
        })),
      ],
    },
    data,
    place,
  )
}

function drawAll(): void {
  for (const figure of document.querySelectorAll<HTMLElement>('figure.chart')) {
    // The legend of a picture that is drawn already is a table, too.
    const table = figure.querySelector<HTMLTableElement>('details table')
    const place = figure.querySelector<HTMLElement>('.plot')
    if (table === null || place === null) continue
    const numbers = read(table)
    const names = numbers.names.join('\n')
    const before = drawn.get(figure.id)
    if (before?.names === names && place.dataset.drawn !== undefined) {
      before.plot.setData(numbers.data)
      continue
    }
    before?.plot.destroy()
    drawn.set(figure.id, { plot: draw(place, numbers, figure.dataset.unit ?? ''), names })
    // From here on a live update leaves it alone.
    place.dataset.drawn = ''
  }
}

function drawAgain(): void {
  for (const { plot } of drawn.values()) plot.destroy()
  drawn.clear()
  drawAll()
}

/** Draws the charts of the page over the pictures that it came with, and again as it changes. */
export function drawCharts(): void {
  if (document.querySelector('figure.chart') === null) return
  drawAll()
  document.addEventListener('refreshed', drawAll)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAgain)
  addEventListener('resize', () => {
    for (const [id, { plot }] of drawn) {
      const width = document.getElementById(`${id}-plot`)?.clientWidth
      if (width !== undefined) plot.setSize({ width, height: HEIGHT })
    }
  })
}
