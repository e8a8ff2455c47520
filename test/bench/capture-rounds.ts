import { type CpuPerRow, programCpuMs, serverCpuMs } from './measure/cpu-time.ts'
import { measureOf } from './measure/measure-of.ts'
import { median } from './measure/median.ts'
import { NATIVE } from './native/drain-native.ts'
import type { Pipeline } from './programs/pipeline.ts'
import type { BenchServers } from './programs/servers.ts'
import type { Measure } from './scenario.ts'

/** Rounds while relay and gateway run: they deliver, or are idle beside the other two. */
export const TOGETHER = ['ours', 'no capture', 'native'] as const
/** Rounds while neither of them runs. */
export const ALONE = ['capture alone', 'no capture, alone'] as const

/** Who is there beside the writers. */
export type CaptureSide = (typeof TOGETHER)[number] | (typeof ALONE)[number]

/** One round of writing. */
export interface CaptureRound {
  readonly side: CaptureSide
  readonly clients: number
  readonly commits: number
  readonly perSecond: number
  /** Microseconds of processor time per commit. */
  readonly cpu: CpuPerRow
}

/** What a round's processor time is read from; the driver's is not in it. */
export function captureClocks({ dx, hq }: BenchServers, pipeline: Pipeline | undefined) {
  const servers = {
    'source server': () => serverCpuMs(dx.postmaster),
    'HQ server': () => serverCpuMs(hq.postmaster),
  }
  if (pipeline === undefined) return servers
  const { relay, gateway } = pipeline
  return {
    ...servers,
    relay: () => programCpuMs(relay.pid),
    gateway: () => programCpuMs(gateway.pid),
  }
}

function roundsOf(rounds: readonly CaptureRound[], side: CaptureSide, clients: number) {
  return rounds.filter((round) => round.side === side && round.clients === clients)
}

/** What capture and delivery, and capture alone, leave of the commits; and beside native's. */
export function captureMeasures(rounds: readonly CaptureRound[], clients: number): Measure[] {
  const ratesOf = (side: CaptureSide) =>
    roundsOf(rounds, side, clients).map(({ perSecond }) => perSecond)
  const rate = (name: string, ours: CaptureSide, anchor: CaptureSide, anchorName: string) =>
    measureOf({
      name,
      unit: 'commits/s',
      ours: ratesOf(ours),
      anchor: { name: anchorName, values: ratesOf(anchor) },
    })
  return [
    rate(`commits_${clients}_per_s`, 'ours', 'no capture', 'no capture, same tables'),
    rate(`commits_${clients}_native_per_s`, 'ours', 'native', `${NATIVE} in its place`),
    rate(
      `commits_${clients}_alone_per_s`,
      'capture alone',
      'no capture, alone',
      'no capture, same tables',
    ),
  ]
}

/** Where the processor time of each side goes. */
export function describeCapture(rounds: readonly CaptureRound[], clients: number): string[] {
  return [...ALONE, ...TOGETHER].map((side) => {
    const some = roundsOf(rounds, side, clients)
    const parts = Object.keys(some[0]?.cpu ?? {}).map(
      (name) => `${name} ${median(some.map(({ cpu }) => cpu?.[name] ?? 0)).toFixed(0)}`,
    )
    const rate = median(some.map(({ perSecond }) => perSecond)).toFixed(0)
    return `${side}, ${clients} clients: ${rate} commits/s; CPU, us per commit: ${parts.join(', ')}`
  })
}
