import { findTemporaryFileLimit } from '../../binding/inspect/temporary-files.ts'
import { type Check, ok, warn } from './finding.ts'

/**
 * No statement fails for the temporary file that PostgreSQL keeps its rows in because its table is
 * bound.
 */
export const temporaryFiles: Check = {
  name: 'temporary-files',
  async examine({ login }) {
    const limit = await findTemporaryFileLimit(login)
    return limit === undefined ? ok('no temp_file_limit') : warn(limit.found, limit.todo)
  },
}
