import { join } from 'node:path'
import { type Binding, SNAPSHOTS_DATASET } from '@hq-export/outbox-relay/binding/binding-schema.ts'
import { type GeneratedSql, generate } from '@hq-export/outbox-relay/binding/capture/generate.ts'
import { inspectSources } from '@hq-export/outbox-relay/binding/inspect/inspect-sources.ts'
import { loadBinding } from '@hq-export/outbox-relay/binding/load-binding.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import { expect, test } from 'vitest'
import { createLiveDatabase } from '../../support/live-shape/live-databases.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

/*
 * What `bind` installs, as it stands in the database, one file per dataset. A change of a capture
 * is a diff of these files; `npx vitest -u` on this test writes them anew.
 */

const FOLDER = join(dxMigrations.folder, 'bindings', 'generated')

function scriptOf({ types, views, functions, triggers }: GeneratedSql): string {
  const statements = [
    ...views.flatMap(({ rowFunction, sql }) => (rowFunction ? [rowFunction.sql, sql] : [sql])),
    ...types.map(({ sql }) => sql),
    ...functions.map(({ sql }) => sql),
    ...triggers.map(({ sql }) => sql),
  ]
  return `${statements.map((sql) => `${sql.trim()};\n`).join('\n')}`
}

/** The script of each dataset, by its name. */
async function scriptsOf(database: TestDatabase, binding: Binding): Promise<Map<string, string>> {
  const { sources, problems } = await inspectSources(await database.connect(), binding)
  expect(problems).toEqual([])
  const all = generate(binding, sources)
  const snapshots = all.views.filter(({ name }) => name === SNAPSHOTS_DATASET)
  return new Map([
    ...binding.datasets.map((bound): [string, string] => {
      const sql = generate({ ...binding, datasets: [bound] }, sources)
      const views = sql.views.filter(({ name }) => name === bound.dataset)
      return [bound.dataset, scriptOf({ ...sql, views })]
    }),
    [
      SNAPSHOTS_DATASET,
      scriptOf({ ...all, types: [], views: snapshots, functions: [], triggers: [] }),
    ],
  ])
}

const BINDINGS: [name: string, create: () => Promise<TestDatabase>][] = [
  ['reference', createDxDatabase],
  ['data-engine-x', createLiveDatabase],
]

test.each(BINDINGS)('what binding %s installs is what is committed', async (name, create) => {
  await using database = await create()
  const scripts = await scriptsOf(database, await loadBinding(name))
  for (const [dataset, script] of scripts)
    await expect(script).toMatchFileSnapshot(join(FOLDER, name, `${dataset}.sql`))
})
