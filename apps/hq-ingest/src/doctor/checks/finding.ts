import type { CheckOf } from '@hq-export/runtime/doctor/finding.ts'
import type pg from 'pg'
import type { IngestKey } from '../../keys/ingest-key.ts'
import type { MasterKey } from '../../keys/master-key.ts'

/** What every check may use. */
export interface Examination {
  /** Session of the login role as it is, search path `pg_catalog`. */
  readonly login: pg.Client
  /** Session as `ingest -- serve` opens it. @throws what opening it throws. */
  readonly writer: () => Promise<pg.Client>
  /** Keys of the environment. */
  readonly keys: readonly IngestKey[]
  readonly masterKeys: readonly MasterKey[]
  /** Milliseconds since the epoch by this machine's clock. */
  readonly now: () => number
}

/** One thing that can be wrong with HQ. */
export type Check = CheckOf<Examination>
