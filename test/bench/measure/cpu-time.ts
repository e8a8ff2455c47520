import { readFile } from 'node:fs/promises'

/** USER_HZ: 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10

/** Processor time of one process out of `/proc/<pid>/stat`, in ms. */
export interface ProcessorTime {
  /** Its own, all threads. */
  readonly ownMs: number
  /** Of children that have ended and were waited for. */
  readonly endedChildrenMs: number
}

/**
 * Reads a line of `/proc/<pid>/stat` (proc(5): fields 14 to 17 are utime, stime, cutime, cstime).
 */
export function parseStat(stat: string): ProcessorTime {
  // The name in parentheses may itself hold spaces and parentheses; field 3 follows the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = (field: number) => Number(fields[field - 3])
  return {
    ownMs: (ticks(14) + ticks(15)) * MS_PER_TICK,
    endedChildrenMs: (ticks(16) + ticks(17)) * MS_PER_TICK,
  }
}

async function readStat(pid: number): Promise<ProcessorTime | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    // It ended since it was listed; its time is now in its parent's.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Processor time of a program so far, in ms. */
export async function programCpuMs(pid: number): Promise<number> {
  return (await readStat(pid))?.ownMs ?? 0
}

/**
 * Processor time of a PostgreSQL server so far, in ms: postmaster, living backends and workers,
 * ended ones.
 */
export async function serverCpuMs(postmaster: number): Promise<number> {
  const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
  const pids = children.trim().split(' ').filter(Boolean).map(Number)
  const living = await Promise.all(pids.map(programCpuMs))
  const own = await readStat(postmaster)
  return living.reduce((sum, ms) => sum + ms, (own?.ownMs ?? 0) + (own?.endedChildrenMs ?? 0))
}

/** Milliseconds of processor time by program; undefined where the system has no `/proc`. */
export type CpuReading = Readonly<Record<string, number>> | undefined

/** Microseconds of processor time per row by program; undefined like {@link CpuReading}. */
export type CpuPerRow = Readonly<Record<string, number>> | undefined

/** Reads each of several clocks at (nearly) the same moment. */
export async function readCpu(
  clocks: Readonly<Record<string, () => Promise<number>>>,
): Promise<CpuReading> {
  if (process.platform !== 'linux') return undefined
  return Object.fromEntries(
    await Promise.all(
      Object.entries(clocks).map(async ([name, read]) => [name, await read()] as const),
    ),
  )
}

/** What was spent on each row between two readings of the same clocks. */
export function cpuPerRow(before: CpuReading, after: CpuReading, rows: number): CpuPerRow {
  if (before === undefined || after === undefined) return undefined
  return Object.fromEntries(
    Object.entries(after).map(([name, ms]) => [name, ((ms - (before[name] ?? 0)) * 1000) / rows]),
  )
}
