import { findTemporaryFileLimit } from '../../binding/inspect/temporary-files.ts'
import { type Check, ok, warn } from './finding.ts'

/**
 * No statement fails for the temporary file that PostgreSQL keeps its rows in because its table is
 * bound.
 */
export const temporaryFiles: Check = {
  name: 'temporary-files',
  async examine({ login, bound }) {
    const limit = await findTemporaryFileLimit(login)
    const state = await bound()
    const found = limit ?? 'no temp_file_limit'
    if (state === undefined) return ok(found)
    if (state.isByRow) return ok(`${found}; captures fire for each row and need no files`)
    if (limit === undefined) return ok(found)
    return warn(
      `${limit}, and captures fire for each statement: one that writes more bytes of a bound ` +
        'table than that, and than its work_mem, fails',
      `run: ${state.bindCommand}, which makes them fire for each row`,
    )
  },
}
