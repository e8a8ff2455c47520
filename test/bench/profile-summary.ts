import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** What V8 writes with `--cpu-prof`: samples point at nodes, deltas are microseconds between samples. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Time on the main thread spent in one function itself. */
export interface SelfTime {
  readonly where: string
  readonly ms: number
}

const LISTED = 25
const IDLE = '(idle)'

function shortName(url: string): string {
  const inPackage = url.split('/node_modules/').at(-1) ?? url
  return inPackage.replace(/^.*\/(?=(?:apps|packages)\/)/, '')
}

/** Self time per function, longest first; idle time is left out. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const name = functionName || '(anonymous)'
      return [id, url === '' ? name : `${name} ${shortName(url)}:${lineNumber + 1}`]
    }),
  )
  const times = new Map<string, number>()
  profile.samples.forEach((node, index) => {
    const where = names.get(node) ?? '(unknown)'
    times.set(where, (times.get(where) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1000)
  })
  times.delete(IDLE)
  return [...times].map(([where, ms]) => ({ where, ms })).sort((a, b) => b.ms - a.ms)
}

function printProfile(name: string, times: readonly SelfTime[]): string {
  const total = times.reduce((sum, { ms }) => sum + ms, 0)
  const lines = times
    .slice(0, LISTED)
    .map(
      ({ where, ms }) =>
        `${((ms * 100) / total).toFixed(1).padStart(5)} % ${ms.toFixed(0).padStart(6)} ms  ${where}`,
    )
  return [
    `${name}: ${total.toFixed(0)} ms busy on the main thread, start-up included`,
    ...lines,
  ].join('\n')
}

/** Where the time went in every profile of a folder. */
export async function printProfiles(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.cpuprofile')).sort()
  const texts = await Promise.all(
    files.map(async (file) => {
      const profile: CpuProfile = JSON.parse(await readFile(join(folder, file), 'utf8'))
      return printProfile(basename(file, '.cpuprofile'), selfTimes(profile))
    }),
  )
  return texts.join('\n\n')
}
