import { readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, readPid, readProcFile } from './process-id.ts'

/** Start of the name of every scratch folder that holds an embedded server. */
export const SCRATCH_PREFIX = 'hq-export-pg-'
/** File in a scratch folder with the process id of its owner. */
export const OWNER_FILE = 'owner.pid'

const END_POLLS = 100
const END_POLL_MS = 50

/** The server of a scratch folder, if the process behind its recorded id really is that server. */
async function serverOf(scratch: string): Promise<number | undefined> {
  const data = join(scratch, 'data')
  const pid = await readPid(join(data, 'postmaster.pid'))
  if (pid === undefined || !isAlive(pid)) return undefined
  const commandLine = await readProcFile(pid, 'cmdline')
  return commandLine.some((argument) => argument.includes(data)) ? pid : undefined
}

/**
 * Ends servers whose owner was killed (SIGKILL leaves no time to clean up) and removes their
 * folders. Folders of living owners and of other users are left alone.
 */
export async function sweepAbandonedClusters(): Promise<void> {
  const folders = (await readdir(tmpdir())).filter((name) => name.startsWith(SCRATCH_PREFIX))
  for (const name of folders) {
    const scratch = join(tmpdir(), name)
    const owner = await readPid(join(scratch, OWNER_FILE))
    if (owner === undefined || isAlive(owner)) continue
    const server = await serverOf(scratch)
    if (server !== undefined) {
      process.kill(server, 'SIGQUIT')
      for (let poll = 0; poll < END_POLLS && isAlive(server); poll++) await delay(END_POLL_MS)
    }
    await rm(scratch, { recursive: true, force: true }).catch((error: NodeJS.ErrnoException) => {
      // Another user's folder: theirs to remove.
      if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error
    })
  }
}
