import { parseSigningKey } from '@hq-export/contract'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { PUSH_TIMING, type PushTiming } from '@hq-export/outbox-relay/push-changes.ts'
import { Relay } from '@hq-export/outbox-relay/relay.ts'
import { waitFor } from '../wait-for.ts'
import { createSecret } from './pipeline.ts'

const MINUTES_MS = 600_000

/** Timing under which only the doorbell wakes a relay: a missed ring is a stall and not a delay. */
export const DOORBELL_ONLY: PushTiming = {
  ...PUSH_TIMING,
  pollMs: MINUTES_MS,
  renewalMs: MINUTES_MS,
  expiryMs: 2 * MINUTES_MS,
}

/**
 * Starts a relay in this process, with a timing of the test's choice, and waits until it works;
 * stopped when disposed of.
 */
export async function startInProcessRelay(options: {
  readonly databaseUrl: string
  readonly ingestUrl: string
  readonly secret?: string
  readonly source?: string
  readonly timing?: Partial<PushTiming>
  readonly ignoresLead?: boolean
  readonly heartbeatMs?: number
}): Promise<{ readonly relay: Relay } & AsyncDisposable> {
  const { databaseUrl, ingestUrl, secret = createSecret(), timing, ...others } = options
  const { source = 'data-engine-x', ...relayOptions } = others
  const relay = new Relay(
    {
      databaseUrl,
      ingestUrl,
      signingKeys: [parseSigningKey(secret)],
      source,
      compression: 'none',
    },
    createLog('silent'),
    { ...relayOptions, timing: { ...PUSH_TIMING, ...timing } },
  )
  relay.start()
  await waitFor('the relay to work', () => relay.progress.state === 'working')
  return { relay, [Symbol.asyncDispose]: () => relay.stop() }
}
