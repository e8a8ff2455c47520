import type { IngestServerOptions } from '@hq-export/hq-ingest/ingest-server.ts'
import type pg from 'pg'
import { createHqDatabase, type TestDatabase } from '../servers/databases.ts'
import { startGateway, type TestGateway } from './ingest-client.ts'

/** What most tests of the gateway share: an HQ, a gateway that writes into it, a look into it. */
export interface GatewaySite {
  readonly hq: TestDatabase
  readonly gateway: TestGateway
  readonly client: pg.Client
  /** Ends all of it. */
  readonly stop: () => Promise<void>
}

/** Starts a site for the tests of one file; `beforeAll` stops it where it is given its `stop`. */
export async function startSite(options: Partial<IngestServerOptions> = {}): Promise<GatewaySite> {
  const hq = await createHqDatabase()
  const gateway = await startGateway(hq.url, options)
  return {
    hq,
    gateway,
    client: await hq.connect(),
    stop: async () => {
      await gateway[Symbol.asyncDispose]()
      await hq[Symbol.asyncDispose]()
    },
  }
}
