import { Refusal } from '../refusal.ts'

/** What the gateway is able to do now; the server owns it, every request reads it. */
export interface Admission {
  /** The database has been seen with exactly this build's migrations. */
  migrated: boolean
  /** The gateway is shutting down. */
  draining: boolean
}

/**
 * First step: refuses before a byte of the body is read.
 * @throws {Refusal} `draining` or `database_unavailable`, both 503.
 */
export function admit(admission: Readonly<Admission>): void {
  if (admission.draining) throw new Refusal('draining')
  if (!admission.migrated) throw new Refusal('database_unavailable')
}
