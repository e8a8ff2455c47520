import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { CHECKS as HQ_CHECKS } from '@hq-export/hq-ingest/doctor/checks.ts'
import { runDoctor as runHqDoctor } from '@hq-export/hq-ingest/doctor/run-doctor.ts'
import { CHECKS as SOURCE_CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor as runSourceDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { DATA_ENGINE_X } from '@hq-export/outbox-relay/session/why-not-connected.ts'
import { KeptDoctor } from './kept-doctor.ts'

/** Needs INGEST_KEYS and INGEST_MASTER_KEY, which only gateways have. */
export const NOT_EXAMINED = 'keys'

const EXAMINED_IN_HQ = HQ_CHECKS.filter(({ name }) => name !== NOT_EXAMINED)

/** The doctor of HQ, without what only a gateway can examine. */
export function hqDoctor(url: string | undefined): KeptDoctor {
  const examine = url === undefined ? undefined : () => runHqDoctor(url, {}, EXAMINED_IN_HQ)
  return new KeptDoctor(HQ, examine)
}

/** The doctor of data-engine-x. */
export function dxDoctor(url: string | undefined): KeptDoctor {
  const examine = url === undefined ? undefined : () => runSourceDoctor(url, SOURCE_CHECKS)
  return new KeptDoctor(DATA_ENGINE_X, examine)
}
