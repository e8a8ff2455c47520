import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { BINDINGS_FOLDER, findShapeProblems, hasOperationalSchema } from './reference-shape.ts'

/** The database has an operational schema of another shape: most likely a real data-engine-x. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError'
}

/**
 * Creates the operational schema of the reference binding, as the application's own migrations
 * would; leaves an existing one as it is.
 * @throws {ShapeError} where `ops` or `entities` exist and are not that schema.
 */
export async function installReferenceSchema(client: pg.ClientBase): Promise<void> {
  if (!(await hasOperationalSchema(client))) {
    const schema = await readFile(join(BINDINGS_FOLDER, 'reference-schema.sql'), 'utf8')
    await client.query(`begin; ${schema}; commit`)
    return
  }
  const problems = await findShapeProblems(client)
  if (problems.length === 0) return
  throw new ShapeError(
    [
      'the database behind DX_DATABASE_URL has the schemas ops and entities, ' +
        'but not of the reference shape:',
      ...problems.map((problem) => `  ${problem}`),
      'The demo writes to this database. Give it an empty one, or unset DX_DATABASE_URL to use ' +
        'an embedded server.',
    ].join('\n'),
  )
}
