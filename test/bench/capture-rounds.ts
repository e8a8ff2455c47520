import { type CpuPerRow, programCpuMs, serverCpuMs } from './measure/cpu-time.ts'
import { median } from './measure/median.ts'
import type { Pipeline } from './programs/pipeline.ts'
import type { BenchServers } from './programs/servers.ts'

/**
 * Ours captures and delivers, the anchor does neither; `capture alone` shows which part of the cost
 * is whose.
 */
export type CaptureSide = 'ours' | 'anchor' | 'capture alone'

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
    source: () => serverCpuMs(dx.postmaster),
    hq: () => serverCpuMs(hq.postmaster),
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

/** Commits per second of a side, the median of its rounds. */
export function commitRate(
  rounds: readonly CaptureRound[],
  side: CaptureSide,
  clients: number,
): number {
  return Math.round(median(roundsOf(rounds, side, clients).map(({ perSecond }) => perSecond)))
}

/** Where the processor time of each side goes. */
export function describeCapture(rounds: readonly CaptureRound[], clients: number): string[] {
  return (['anchor', 'capture alone', 'ours'] as const).map((side) => {
    const some = roundsOf(rounds, side, clients)
    const parts = Object.keys(some[0]?.cpu ?? {}).map(
      (name) => `${name} ${median(some.map(({ cpu }) => cpu?.[name] ?? 0)).toFixed(0)}`,
    )
    return `${side}, ${clients} clients: ${commitRate(rounds, side, clients)} commits/s; CPU, us per commit: ${parts.join(', ')}`
  })
}
