import { type Glance, readGlance } from '@hq-export/outbox-relay/observe/glance.ts'
import type pg from 'pg'
import { COUNT_LIMIT } from '../../page/text.ts'
import { readVerifiedOfSource, type Verified } from '../../verified/read-verified.ts'

/** What data-engine-x says at once, however much waits there. */
export interface SourceView {
  readonly glance: Glance
  readonly verified: readonly Verified[]
}

/** Reads data-engine-x for the overview. */
export async function readSource(client: pg.ClientBase): Promise<SourceView> {
  return {
    glance: await readGlance(client, COUNT_LIMIT),
    verified: await readVerifiedOfSource(client),
  }
}
