import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { DATA_ENGINE_X } from '@hq-export/outbox-relay/session/why-not-connected.ts'
import { KeptDoctor } from './kept-doctor.ts'

/** Needs INGEST_KEYS and INGEST_MASTER_KEY, which only gateways have. */
export const NOT_EXAMINED = 'keys'

/** The doctor of HQ, without what only a gateway can examine. */
export function hqDoctor(url: string | undefined): KeptDoctor {
  const examine = async (databaseUrl: string) => {
    const { CHECKS } = await import('@hq-export/hq-ingest/doctor/checks.ts')
    const { runDoctor } = await import('@hq-export/hq-ingest/doctor/run-doctor.ts')
    return runDoctor(
      databaseUrl,
      {},
      CHECKS.filter(({ name }) => name !== NOT_EXAMINED),
    )
  }
  return new KeptDoctor(HQ, url === undefined ? undefined : () => examine(url))
}

/** The doctor of data-engine-x. */
export function dxDoctor(url: string | undefined): KeptDoctor {
  const examine = async (databaseUrl: string) => {
    const { CHECKS } = await import('@hq-export/outbox-relay/doctor/checks.ts')
    const { runDoctor } = await import('@hq-export/outbox-relay/doctor/run-doctor.ts')
    return runDoctor(databaseUrl, CHECKS)
  }
  return new KeptDoctor(DATA_ENGINE_X, url === undefined ? undefined : () => examine(url))
}
