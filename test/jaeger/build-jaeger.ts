import { execFile } from 'node:child_process'
import { access, chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const VERSION = 'v1.76.0'
const MODULE = `github.com/jaegertracing/jaeger@${VERSION}`
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Files from the module cache are read-only, folders included. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name))
  }
}

async function go(args: readonly string[], cwd?: string): Promise<string> {
  try {
    const { stdout } = await run('go', args, { maxBuffer: MAX_OUTPUT_BYTES, ...(cwd && { cwd }) })
    return stdout
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ENOENT') throw cause
    throw new Error(
      'no Jaeger: set JAEGER_QUERY_URL and OTEL_EXPORTER_OTLP_ENDPOINT to a running one, put `jaeger` into PATH, or install go (1.24 or newer) to build it',
      { cause },
    )
  }
}

/**
 * Builds Jaeger from its Go module, once: about 3 minutes, then it is in the cache. `go install`
 * refuses, because the module has a replace directive.
 * @param cacheHome folder of the user's caches, by the XDG convention where undefined.
 * @returns path of the binary.
 * @throws where there is no go, or no module proxy.
 */
export async function buildJaeger(cacheHome: string | undefined): Promise<string> {
  const folder = join(cacheHome ?? join(homedir(), '.cache'), 'hq-export')
  const binary = join(folder, `jaeger-${VERSION}`)
  if (await exists(binary)) return binary
  await mkdir(folder, { recursive: true })
  process.stderr.write(`building Jaeger ${VERSION}, once; this takes some minutes ...\n`)
  const module = JSON.parse(await go(['mod', 'download', '-json', MODULE])) as { Dir: string }
  const scratch = await mkdtemp(join(tmpdir(), 'hq-export-jaeger-'))
  try {
    const source = join(scratch, 'source')
    await cp(module.Dir, source, { recursive: true })
    await makeWritable(source)
    const built = join(scratch, 'jaeger')
    await go(['build', '-buildvcs=false', '-o', built, './cmd/jaeger'], source)
    // Copied beside and renamed: a run that is interrupted leaves no half of a binary under this
    // name.
    await cp(built, `${binary}.new`)
    await rename(`${binary}.new`, binary)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return binary
}
