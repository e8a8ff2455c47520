import { hasSqlstate, LOCK_NOT_AVAILABLE, QUERY_CANCELED } from '../../session/sqlstate.ts'
import { TooLongError, UndecidedError } from '../compare/undecided-error.ts'

/**
 * What an error of the source says of a comparison: a lock that is not to be had is so whatever is
 * asked, a statement that takes too long may not with fewer rows. Any other is given back.
 */
export function sourceError(error: unknown): unknown {
  if (hasSqlstate(error, LOCK_NOT_AVAILABLE))
    return new UndecidedError('a table of the source is locked', { cause: error })
  if (hasSqlstate(error, QUERY_CANCELED))
    return new TooLongError('the source cannot be read in time', { cause: error })
  return error
}
