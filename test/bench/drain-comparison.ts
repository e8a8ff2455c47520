import type { DrainRound, OurRound } from './drain-ours.ts'
import type { CpuPerRow } from './measure/cpu-time.ts'
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

function middle<Round>(rounds: readonly Round[], value: (round: Round) => number): number {
  return Math.round(median(rounds.map(value)))
}

/**
 * The measures of every drain, by their fixed names.
 * @param anchorName what the anchor is.
 */
export function drainMeasures({ ours, anchors }: Drains, anchorName: string): Measure[] {
  const rate = ({ rowsPerSecond }: DrainRound) => rowsPerSecond
  return [
    {
      name: 'rows_per_s',
      unit: 'rows/s',
      ours: middle(ours, rate),
      anchor: middle(anchors, rate),
      anchor_name: anchorName,
    },
    ...memoryMeasures(ours),
  ]
}

/** Peak memory of our two programs; beside that of the anchor where it is ours, too. */
export function memoryMeasures(
  ours: readonly OurRound[],
  anchors?: readonly OurRound[],
  anchorName?: string,
): Measure[] {
  const memory = (name: string, value: (round: OurRound) => number): Measure => ({
    name,
    unit: 'MB',
    ours: middle(ours, value),
    anchor: anchors === undefined ? null : middle(anchors, value),
    anchor_name: anchorName ?? null,
  })
  return [
    memory('relay_rss_mb', ({ relayMb }) => relayMb),
    memory('gateway_rss_mb', ({ gatewayMb }) => gatewayMb),
  ]
}

/** Median processor time of each program, microseconds per row. */
export function describeCpu(side: string, rounds: readonly { readonly cpu: CpuPerRow }[]): string {
  const names = Object.keys(rounds[0]?.cpu ?? {})
  if (names.length === 0) return `CPU of ${side}: not known on this system`
  const values = names.map((name) => median(rounds.map(({ cpu }) => cpu?.[name] ?? 0)))
  const parts = names.map((name, index) => `${name} ${values[index]?.toFixed(1)}`)
  const total = values.reduce((sum, value) => sum + value, 0)
  return `CPU of ${side}, us per row: ${parts.join(', ')}; together ${total.toFixed(1)}`
}

/**
 * How ours was measured, and what both cost in processor time, which other load on the machine
 * hardly changes.
 */
export function drainNotes({ ours, anchors }: Drains): string[] {
  return [
    "ours: from the relay's line `working` until its ack, which follows HQ's last commit",
    `rows posted: ${middle(ours, ({ sentRows }) => sentRows)}`,
    describeCpu('ours', ours),
    describeCpu('anchor', anchors),
  ]
}

/** How the anchor was measured where it is native logical replication. */
export const NATIVE_NOTE =
  "anchor: from the walsender's state `catchup` until the last row can be read in HQ"
