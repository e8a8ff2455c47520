import {
  type ForeignDependency,
  findForeignDependencies,
  findUnpinnedFunctions,
} from '@hq-export/program/foreign-dependencies.ts'
import type pg from 'pg'
import type { Binding } from './binding-schema.ts'

const SCHEMAS = ['hq_export']

/** True where the SQL of the binding names it with its schema: then whoever wrote the binding wanted it. */
function isNamed(binding: Binding | undefined, { schema, name }: ForeignDependency): boolean {
  if (binding === undefined) return false
  // Written with or without quotation marks, and with what JSON makes of those.
  const text = JSON.stringify(binding.datasets).replaceAll(/\\?"|\s/g, '')
  return text.toLowerCase().includes(`${schema}.${name}`.toLowerCase())
}

/**
 * Finds objects of ours that run code which is neither PostgreSQL's, nor ours, nor named by the binding.
 * @returns a sentence each.
 */
export async function findForeignCode(
  client: pg.ClientBase,
  binding: Binding | undefined,
): Promise<string[]> {
  const foreign = await findForeignDependencies(client, SCHEMAS)
  const unpinned = await findUnpinnedFunctions(client, SCHEMAS)
  return [
    ...foreign
      .filter((dependency) => !isNamed(binding, dependency))
      .map(({ object, reference }) => `${object} runs ${reference}`),
    ...unpinned.map((name) => `function ${name} has no pinned search_path`),
  ]
}
