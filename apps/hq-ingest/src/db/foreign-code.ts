import {
  findForeignDependencies,
  findUnpinnedFunctions,
} from '@hq-export/runtime/postgres/foreign-dependencies.ts'
import type pg from 'pg'

const SCHEMAS = ['hq', 'ingest']

/**
 * Finds objects of HQ that run code which is neither PostgreSQL's nor of our schemas, in sessions
 * of the gateway or of readers: perhaps a trigger or a policy that somebody added on purpose,
 * perhaps an operator that somebody planted before we were installed.
 * @returns a sentence each.
 */
export async function findForeignCode(client: pg.ClientBase): Promise<string[]> {
  return [
    ...(await findForeignDependencies(client, SCHEMAS)).map(
      ({ object, reference }) => `${object} runs ${reference}`,
    ),
    ...(await findUnpinnedFunctions(client, SCHEMAS)).map(
      (name) => `function ${name} has no pinned search_path`,
    ),
  ]
}
