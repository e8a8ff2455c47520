import pg from 'pg'
import { BindingError } from '../binding/load-binding.ts'

/**
 * Whether a fault of a step beside the relay's loop is the loop's to see, as a lost session is. All
 * else, say a binding that this build does not understand, must not stop what the triggers
 * captured.
 */
export function endsSession(error: unknown): boolean {
  if (error instanceof BindingError) return false
  return !(error instanceof pg.DatabaseError) || /^(57|08)/.test(error.code ?? '')
}
