import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatasetName } from '@hq-export/contract'
import { installReferenceSchema } from '@hq-export/demo/databases/install-reference-schema.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import type { BenchServers } from './servers.ts'

const BINDINGS_FOLDER = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  'migrations',
  'data-engine-x',
  'bindings',
)

interface BindingFile {
  readonly name: string
  readonly datasets: readonly { readonly dataset: string; readonly snapshot?: unknown }[]
}

const SNAPSHOTS: DatasetName = 'dx_entity_snapshots_v1'

async function bindOnly(url: string, datasets: readonly DatasetName[]): Promise<void> {
  const reference: BindingFile = JSON.parse(
    await readFile(join(BINDINGS_FOLDER, 'reference.json'), 'utf8'),
  )
  const bound = reference.datasets
    .filter(({ dataset }) => datasets.some((name) => name === dataset))
    .map(({ snapshot, ...rest }) =>
      datasets.includes(SNAPSHOTS) && snapshot !== undefined ? { ...rest, snapshot } : rest,
    )
  const folder = await mkdtemp(join(tmpdir(), 'hq-export-bench-'))
  try {
    const file = join(folder, 'binding.json')
    await writeFile(file, JSON.stringify({ ...reference, name: 'bench', datasets: bound }))
    await bind(url, file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Brings both databases to what a scenario needs: the reference schema, our migrations, a binding
 * of `datasets` alone. Entities yield snapshots only where `dx_entity_snapshots_v1` is among them.
 */
export async function install(
  { dx, hq }: BenchServers,
  datasets: readonly DatasetName[],
): Promise<void> {
  await installReferenceSchema(dx.client)
  await dxMigrations.apply(dx.url)
  await bindOnly(dx.url, datasets)
  await hqMigrations.apply(hq.url)
}
