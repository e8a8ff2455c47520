import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OWNER_FILE } from '@hq-export/embedded-postgres/sweep-abandoned-clusters.ts'

/** Start of the name of every folder with the logs and process ids of a demo's apps. */
export const APPS_PREFIX = 'hq-export-demo-'
/** Variable that marks a child as started by the demo that owns this folder. */
export const FOLDER_VARIABLE = 'HQ_EXPORT_DEMO_FOLDER'

/** Creates the folder of this demo, readable by this user only. */
export async function createScratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), APPS_PREFIX))
  await writeFile(join(folder, OWNER_FILE), String(process.pid))
  return folder
}

/** Removes it with everything in it. */
export async function removeScratchFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}
