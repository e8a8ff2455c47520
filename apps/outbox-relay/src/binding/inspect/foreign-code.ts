import {
  type ForeignDependency,
  findForeignDependencies,
  findUnpinnedFunctions,
} from '@hq-export/runtime/postgres/foreign-dependencies.ts'
import type pg from 'pg'
import type { Binding } from '../binding-schema.ts'

const SCHEMAS = ['hq_export']

/**
 * True where the SQL of the binding names it with its schema: then whoever wrote the binding wanted
 * it.
 */
export function isNamed(
  binding: Binding | undefined,
  { schema, name }: ForeignDependency,
): boolean {
  if (binding === undefined) return false
  // Written with or without quotation marks, and with what JSON makes of those.
  const text = JSON.stringify(binding.datasets).replaceAll(/\\?"/g, '')
  const [inSchema, called] = [schema, name].map((part) => RegExp.escape(part))
  // As a whole: `public.f` is not named by `public.find`.
  return new RegExp(`(?<![\\w$])${inSchema}\\s*\\.\\s*${called}(?![\\w$])`, 'i').test(text)
}

/** An object of ours and what is wrong with it. */
export interface ForeignCode {
  /** As `function hq_export.exported_version(bigint,bigint)`. */
  readonly object: string
  /** As `runs operator public.+(numeric,bigint)`. */
  readonly fault: string
}

/**
 * Finds objects of ours that run code which is neither PostgreSQL's, nor ours, nor named by the
 * binding.
 */
export async function findForeignCode(
  client: pg.ClientBase,
  binding: Binding | undefined,
): Promise<ForeignCode[]> {
  const foreign = await findForeignDependencies(client, SCHEMAS)
  const unpinned = await findUnpinnedFunctions(client, SCHEMAS)
  return [
    ...foreign
      .filter((dependency) => !isNamed(binding, dependency))
      .map(({ object, reference }) => ({ object, fault: `runs ${reference}` })),
    ...unpinned.map((name) => ({ object: `function ${name}`, fault: 'has no pinned search_path' })),
  ]
}
