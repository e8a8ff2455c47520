import type pg from 'pg'
import { neededSql } from '../../binding/capture/generate.ts'
import { generatedSql } from '../../binding/capture/generated-sql.ts'
import { inspectSources } from '../../binding/inspect/inspect-sources.ts'
import { isByRow, readInstalled } from '../../binding/install/installed.ts'
import { completeHistories, readPreviousBindings } from '../../binding/install/previous-binding.ts'
import { listBindings } from '../../binding/load-binding.ts'
import { readBinding } from '../../binding/read-binding.ts'
import type { BoundState } from './finding.ts'

/**
 * Looks at the sources of the recorded binding as `bind` would, and generates what it would
 * install; captures in the form that they have. Changes nothing.
 */
export async function readBoundState(client: pg.ClientBase): Promise<BoundState | undefined> {
  const binding = await readBinding(client)
  if (binding === undefined) return undefined
  const { sources, problems } = await inspectSources(client, binding)
  // What is wrong with one table must not hide what is wrong with the triggers of another.
  const present = {
    ...binding,
    datasets: binding.datasets.filter(
      ({ table, settle }) => sources.has(table) && sources.has(settle?.children.table ?? table),
    ),
  }
  const complete = completeHistories(present, await readPreviousBindings(client))
  // Whether they should is another question: the check of temporary files'.
  const byRow = isByRow(await readInstalled(client))
  const sql =
    present.datasets.length === 0
      ? undefined
      : neededSql(generatedSql(present, sources, byRow), complete)
  const isShipped = (await listBindings()).includes(binding.name)
  const argument = isShipped ? binding.name : `FILE (that of binding ${binding.name})`
  return {
    binding,
    bindCommand: `npm run relay -- bind ${argument}`,
    problems,
    sources,
    sql,
    isByRow: byRow,
  }
}
