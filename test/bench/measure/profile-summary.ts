import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

/**
 * What V8 writes with `--cpu-prof`: samples point at nodes, deltas are microseconds between
 * samples.
 */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly children?: readonly number[]
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Where the main thread spent its time; idle time is left out. */
export interface ProfileSummary {
  /** Loading modules: a service pays it once. */
  readonly startUpMs: number
  readonly busyMs: number
  /** Time in one function itself, longest first; start-up is left out. */
  readonly selfTimes: readonly { readonly where: string; readonly ms: number }[]
}

const LISTED = 25
const IDLE = '(idle)'
const LOADER = 'node:internal/modules/'

function shortName(url: string): string {
  const inPackage = url.split('/node_modules/').at(-1) ?? url
  return inPackage.replace(/^.*\/(?=(?:apps|packages)\/)/, '')
}

/** Nodes whose call came from the module loader. */
function startUpNodes({ nodes }: CpuProfile): ReadonlySet<number> {
  const found = new Set<number>()
  // A parent comes before its children.
  for (const { id, children = [], callFrame } of nodes) {
    if (callFrame.url.startsWith(LOADER)) found.add(id)
    if (found.has(id)) for (const child of children) found.add(child)
  }
  return found
}

/** Adds a profile up by function. */
export function summarise(profile: CpuProfile): ProfileSummary {
  const startUp = startUpNodes(profile)
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const name = functionName || '(anonymous)'
      return [id, url === '' ? name : `${name} ${shortName(url)}:${lineNumber + 1}`]
    }),
  )
  const times = new Map<string, number>()
  let startUpMs = 0
  for (const [index, node] of profile.samples.entries()) {
    const where = names.get(node) ?? '(unknown)'
    const ms = (profile.timeDeltas[index] ?? 0) / 1000
    if (startUp.has(node)) startUpMs += ms
    else if (where !== IDLE) times.set(where, (times.get(where) ?? 0) + ms)
  }
  const selfTimes = [...times].map(([where, ms]) => ({ where, ms })).sort((a, b) => b.ms - a.ms)
  return { startUpMs, busyMs: selfTimes.reduce((sum, { ms }) => sum + ms, 0), selfTimes }
}

function printProfile(name: string, { startUpMs, busyMs, selfTimes }: ProfileSummary): string {
  const lines = selfTimes.slice(0, LISTED).map(({ where, ms }) => {
    const share = ((ms * 100) / busyMs).toFixed(1).padStart(5)
    return `${share} % ${ms.toFixed(0).padStart(6)} ms  ${where}`
  })
  const head = `${name}: main thread busy for ${busyMs.toFixed(0)} ms after ${startUpMs.toFixed(0)} ms of start-up`
  return [head, ...lines].join('\n')
}

/** Names of the profiles in a folder. */
export async function listProfiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((file) => file.endsWith('.cpuprofile')).sort()
}

/** Where the time went, for each of these profiles. */
export async function printProfiles(folder: string, files: readonly string[]): Promise<string> {
  const texts = await Promise.all(
    files.map(async (file) => {
      const profile: CpuProfile = JSON.parse(await readFile(join(folder, file), 'utf8'))
      return printProfile(basename(file, '.cpuprofile'), summarise(profile))
    }),
  )
  return texts.join('\n\n')
}
