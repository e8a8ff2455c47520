import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { createPreparedDx, type TestDatabase, withClient } from '../servers/databases.ts'
import { installLiveShape } from './install-live-shape.ts'

/** The shipped binding for the live data-engine-x. */
export const LIVE_BINDING = join(dxMigrations.folder, 'bindings', 'data-engine-x.json')

interface BoundJson {
  dataset: string
  settle?: { delaySeconds: number }
  [field: string]: unknown
}

/** The shipped binding with another settle delay, as a file. */
export async function writeLiveBinding(
  file: string,
  delaySeconds: number,
  change: (datasets: BoundJson[]) => BoundJson[] = (datasets) => datasets,
): Promise<string> {
  const binding: { datasets: BoundJson[] } = JSON.parse(await readFile(LIVE_BINDING, 'utf8'))
  for (const { settle } of binding.datasets) {
    if (settle !== undefined) settle.delaySeconds = delaySeconds
  }
  await writeFile(file, JSON.stringify({ ...binding, datasets: change(binding.datasets) }))
  return file
}

/** data-engine-x of the live shape with our migrations; bound where a binding is given. */
export async function createLiveDatabase(binding?: string): Promise<TestDatabase> {
  const database = await createPreparedDx('live', async (url) => {
    await withClient(url, installLiveShape)
    await dxMigrations.apply(url)
  })
  if (binding !== undefined) await bind(database.url, binding)
  return database
}
