import { constants } from 'node:fs'
import { access, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const SHARED_MEMORY = '/dev/shm'
/** Several times the 420 MB that a whole run has at its peak. */
const MIN_FREE_BYTES = 3 * 2 ** 30

/**
 * True where there is room, and where programs may be run from: a server's own may have to be
 * copied there.
 */
async function isUsable(): Promise<boolean> {
  let probe: string | undefined
  try {
    const { bavail, bsize } = await statfs(SHARED_MEMORY)
    if (Math.min(bavail * bsize, process.availableMemory()) < MIN_FREE_BYTES) return false
    probe = await mkdtemp(join(SHARED_MEMORY, 'hq-export-probe-'))
    const program = join(probe, 'program')
    await writeFile(program, '', { mode: 0o700 })
    await access(program, constants.X_OK)
    return true
  } catch {
    return false // another system, or not for us
  } finally {
    if (probe !== undefined) await rm(probe, { recursive: true })
  }
}

/**
 * Puts the scratch folders of a run, and with them every server's files, into memory where that is
 * possible. Tests create and drop hundreds of databases of 300 files each, and ext4 spends a third
 * of the run's processor time on finding inodes for them. Nothing is proven by a disk here: a
 * server that is crashed is a process that ends. `TMPDIR`, where it is set, stays as it is.
 */
export async function setup(): Promise<void> {
  // biome-ignore lint/style/noProcessEnv: the test run's entry point; its workers and their programs inherit it
  const env = process.env
  if (env.TMPDIR === undefined && (await isUsable())) env.TMPDIR = SHARED_MEMORY
}
