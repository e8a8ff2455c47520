import { readFile } from 'node:fs/promises'
import { arch, cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'

const GIB = 1024 ** 3
const ROOT_PACKAGE = join(import.meta.dirname, '..', '..', '..', 'package.json')

/** Where it was measured: processor, cores, memory, system. No name of the machine. */
export function describeMachine(): string {
  const processors = cpus()
  const model = processors[0]?.model.trim() ?? 'unknown processor'
  const memory = Math.round(totalmem() / GIB)
  return `${model}, ${processors.length} cores, ${memory} GiB, ${platform()} ${release()} ${arch()}`
}

/** What was measured: us, the runtime, the server. */
export async function describeVersions(postgresql: string): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(ROOT_PACKAGE, 'utf8')) as { version: string }
  return { 'hq-export': version, node: process.versions.node, postgresql }
}
