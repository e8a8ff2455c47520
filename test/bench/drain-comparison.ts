import type { DrainRound, OurRound } from './drain-ours.ts'
import type { CpuPerRow } from './measure/cpu-time.ts'
import { measureOf, ratioOf } from './measure/measure-of.ts'
import { median } from './measure/median.ts'
import type { BenchOptions, Measure } from './scenario.ts'

/** Both sides of a drain; the anchor may be ours, too, under another condition. */
export interface Drains<Ours extends OurRound = OurRound, Anchor extends DrainRound = DrainRound> {
  readonly ours: readonly Ours[]
  readonly anchors: readonly Anchor[]
}

/**
 * Runs both sides in turn; who goes first alternates, so that neither always meets the warmer
 * machine.
 */
export async function compareDrains<Ours extends OurRound, Anchor extends DrainRound>(
  { repeat, report }: Pick<BenchOptions, 'repeat' | 'report'>,
  drainOurs: () => Promise<Ours>,
  drainAnchor: () => Promise<Anchor>,
): Promise<Drains<Ours, Anchor>> {
  const ours: Ours[] = []
  const anchors: Anchor[] = []
  async function runOurs(): Promise<void> {
    const round = await drainOurs()
    ours.push(round)
    report(`ours    ${Math.round(round.rowsPerSecond)} rows/s`)
  }
  async function runAnchor(): Promise<void> {
    const round = await drainAnchor()
    anchors.push(round)
    report(`anchor  ${Math.round(round.rowsPerSecond)} rows/s`)
  }
  for (let round = 0; round < repeat; round++) {
    const order = round % 2 === 0 ? [runOurs, runAnchor] : [runAnchor, runOurs]
    for (const run of order) await run()
  }
  return { ours, anchors }
}

/**
 * The measures of every drain, by their fixed names.
 * @param anchorName what the anchor is.
 */
export function drainMeasures({ ours, anchors }: Drains, anchorName: string): Measure[] {
  return [
    rateMeasure('rows_per_s', ours, anchors, anchorName),
    ...cpuMeasures(ours, anchors, anchorName),
    ...memoryMeasures(ours),
  ]
}

/** How fast both sides were. */
export function rateMeasure(
  name: string,
  ours: readonly DrainRound[],
  anchors: readonly DrainRound[],
  anchorName: string,
): Measure {
  const rate = ({ rowsPerSecond }: DrainRound) => rowsPerSecond
  const anchor = { name: anchorName, values: anchors.map(rate) }
  return measureOf({ name, unit: 'rows/s', ours: ours.map(rate), anchor })
}

function totalUs({ cpu }: { readonly cpu: CpuPerRow }): number {
  return Object.values(cpu ?? {}).reduce((sum, us) => sum + us, 0)
}

/** Processor time of all programs and both servers; none where the system does not tell. */
export function cpuMeasures(
  ours: readonly DrainRound[],
  anchors: readonly DrainRound[],
  anchorName: string,
): Measure[] {
  if (ours[0]?.cpu === undefined) return []
  const anchor = { name: anchorName, values: anchors.map(totalUs) }
  return [
    measureOf({ name: 'cpu_us_per_row', unit: 'us', digits: 1, ours: ours.map(totalUs), anchor }),
  ]
}

/** Peak memory of our two programs; beside that of the anchor where it is ours, too. */
export function memoryMeasures(
  ours: readonly OurRound[],
  anchors?: readonly OurRound[],
  anchorName = '',
): Measure[] {
  const memory = (name: string, value: (round: OurRound) => number) =>
    measureOf({
      name,
      unit: 'MB',
      ours: ours.map(value),
      anchor: anchors && { name: anchorName, values: anchors.map(value) },
    })
  return [
    memory('relay_rss_mb', ({ relayMb }) => relayMb),
    memory('gateway_rss_mb', ({ gatewayMb }) => gatewayMb),
  ]
}

/** Median processor time of each program and server, microseconds per row. */
export function describeCpu(side: string, rounds: readonly { readonly cpu: CpuPerRow }[]): string {
  const names = Object.keys(rounds[0]?.cpu ?? {})
  if (names.length === 0) return `CPU of ${side}: not known on this system`
  const parts = names.map(
    (name) => `${name} ${median(rounds.map(({ cpu }) => cpu?.[name] ?? 0)).toFixed(1)}`,
  )
  const total = median(rounds.map(totalUs))
  return `CPU of ${side}, us per row: ${parts.join(', ')}; together ${total.toFixed(1)}`
}

/**
 * How ours was measured, and what both cost in processor time, which other load on the machine
 * hardly changes.
 * @param anchorName what the anchor is.
 */
export function drainNotes({ ours, anchors }: Drains, anchorName: string): string[] {
  const [cpu] = cpuMeasures(ours, anchors, anchorName)
  return [
    "ours: from the relay's line `working` until its ack, which follows HQ's last commit",
    `rows posted: ${Math.round(median(ours.map(({ sentRows }) => sentRows)))}`,
    describeCpu('ours', ours),
    describeCpu(anchorName, anchors),
    ...(cpu === undefined ? [] : [`CPU of ours together: ${ratioOf(cpu)} of ${anchorName}`]),
  ]
}

/** How the anchor was measured where it is native logical replication. */
export const NATIVE_NOTE =
  "anchor: from the walsender's state `catchup` until the last row can be read in HQ"
