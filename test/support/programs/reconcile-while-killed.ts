import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { expect } from 'vitest'
import { BusyWriters } from '../busy-writers.ts'
import { waitFor } from '../wait-for.ts'
import type { AppProcess } from './app-process.ts'
import type { Pipeline } from './pipeline.ts'
import { Planted, reconcileAll, type States } from './reconcile-under-load.ts'

/** What is killed in the middle of a reconciliation. */
export type Victim = 'relay' | 'gateway' | 'source' | 'HQ'

/** The servers, each of which only this test uses. */
export interface Clusters {
  readonly dx: EmbeddedCluster
  readonly hq: EmbeddedCluster
}

/** Short, so that who waits for what was killed gives up and says so. */
const PATIENCE_MS = 2_000
/** A source that crashed sends again what it retains. */
const SETTLE_MS = 180_000

/**
 * Kills something at a random moment of each reconciliation, while sessions write and something
 * differs: no run says that both sides are equal, and none finds anything else. Afterwards what is
 * planted is found, and once it is mended both sides are equal. Each begins with everything
 * delivered, and says in a line what it came to.
 */
export async function reconcileWhileKilled(
  pipeline: Pipeline,
  clusters: Clusters,
  { victims, random }: { readonly victims: readonly Victim[]; readonly random: () => number },
): Promise<States> {
  let relay: AppProcess = pipeline.startRelay()
  let gateway: AppProcess = await pipeline.startGateway()
  const planted = await Planted.write(pipeline)
  await planted.plant()
  const states: States = {}
  let lastMs = 1_000

  /**
   * Waits until everything is delivered, and drops what is retained of it, as rotations do in
   * time: a source that crashes sends it again, and would mend by that what is planted.
   */
  async function forgetDelivered(): Promise<void> {
    await pipeline.settled(SETTLE_MS)
    await pipeline.dx.query('truncate hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2')
  }

  async function crash(cluster: EmbeddedCluster): Promise<void> {
    await cluster.halt('immediate')
    await cluster.resume()
    await waitFor('the server to be back', () =>
      pipeline.reconnect().then(
        () => true,
        () => false,
      ),
    )
  }

  async function kill(victim: Victim): Promise<void> {
    switch (victim) {
      case 'relay':
        await relay.kill()
        relay = pipeline.startRelay()
        return
      case 'gateway':
        await gateway.kill()
        gateway = await pipeline.startGateway()
        return
      case 'source':
        return crash(clusters.dx)
      case 'HQ':
        return crash(clusters.hq)
    }
  }

  for (const [number, victim] of victims.entries()) {
    await forgetDelivered()
    await using writers = await BusyWriters.start(pipeline.dxDatabase, { pauseMs: 100 })
    const beganAt = performance.now()
    const run = reconcileAll(pipeline, { patienceMs: PATIENCE_MS })
    const ended = run.then(
      ({ findings, state }) => ({ findings, state }),
      // Nothing began: the source was not there.
      () => ({ findings: [], state: 'undecided' as const }),
    )
    const moment = random() * lastMs
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, moment))])
    await kill(victim)
    const { findings, state } = await ended
    lastMs = Math.min(performance.now() - beganAt, 10_000)
    expect(['different', 'undecided'], `after the ${victim} was killed`).toContain(state)
    expect(findings.length).toBeLessThanOrEqual(2)
    for (const finding of findings) expect(planted.has(finding)).toBe(true)
    states[state] = (states[state] ?? 0) + 1
    await writers.stop()
    process.stdout.write(`${number + 1} ${victim}: ${state}, ${findings.length} found\n`)
  }
  await pipeline.settled(SETTLE_MS)
  const { findings, state } = await reconcileAll(pipeline)
  expect({ isFound: planted.isFoundBy(findings), state }).toEqual({
    isFound: true,
    state: 'different',
  })
  await planted.mend()
  expect(await reconcileAll(pipeline)).toMatchObject({ state: 'equal', findings: [] })
  return states
}
