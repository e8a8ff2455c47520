import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, readPid, readProcFile } from '@hq-export/embedded-postgres/process-id.ts'
import { OWNER_FILE } from '@hq-export/embedded-postgres/sweep-abandoned-clusters.ts'
import { APPS_PREFIX, FOLDER_VARIABLE, removeScratchFolder } from './scratch-folder.ts'

const PID_EXTENSION = '.pid'
const END_POLLS = 100
const END_POLL_MS = 50

/** Notes in the demo's folder which process runs which program, so that a later demo can end it. */
export function pidFile(folder: string, name: string): string {
  return join(folder, `${name}${PID_EXTENSION}`)
}

/**
 * The process of a pid file, if it still is the one that was noted: it runs the noted program, and
 * its environment names the folder. A process id alone may belong to anybody by now.
 */
async function appOf(folder: string, file: string): Promise<number | undefined> {
  const pid = await readPid(join(folder, file))
  if (pid === undefined || !isAlive(pid)) return undefined
  const [, script = ''] = (await readFile(join(folder, file), 'utf8')).split('\n')
  const commandLine = await readProcFile(pid, 'cmdline')
  const environment = await readProcFile(pid, 'environ')
  const isOurs =
    commandLine.includes(script) && environment.includes(`${FOLDER_VARIABLE}=${folder}`)
  return isOurs ? pid : undefined
}

/**
 * Ends the relays and gateways of demos that were killed (SIGKILL leaves no time to clean up) and
 * removes their folders. Folders of living demos and of other users are left alone. SIGKILL is
 * enough: neither app needs a clean end (I1).
 */
export async function sweepAbandonedApps(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(APPS_PREFIX))
  for (const name of names) {
    const folder = join(tmpdir(), name)
    const owner = await readPid(join(folder, OWNER_FILE))
    if (owner === undefined || isAlive(owner)) continue
    const files = (await readdir(folder)).filter(
      (file) => file.endsWith(PID_EXTENSION) && file !== OWNER_FILE,
    )
    for (const file of files) {
      const pid = await appOf(folder, file)
      if (pid === undefined) continue
      process.kill(pid, 'SIGKILL')
      for (let poll = 0; poll < END_POLLS && isAlive(pid); poll++) await delay(END_POLL_MS)
    }
    await removeScratchFolder(folder)
  }
}
