import { datasetByName } from '@hq-export/contract'
import { startTracing } from '@hq-export/observability/start-tracing.ts'
import { expect, test, vi } from 'vitest'
import { OtlpReceiver } from '../../support/otlp/receiver.ts'
import { ReconcileSite } from '../../support/programs/reconcile-site.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'

const COMPANIES = 'dx_company_entities_v1'

test('a run is one trace, and what HQ is asked for it is part of it', async () => {
  await using receiver = await OtlpReceiver.start()
  await using site = await ReconcileSite.start()
  const id = await insertCompany(site.dx, await insertOrg(site.dx), {
    canonical_name: 'never on a span',
  })
  await site.settled()
  await site.hq.query(`delete from hq.${COMPANIES} where entity_id = $1`, [id])
  for (const [name, value] of Object.entries(receiver.env)) vi.stubEnv(name, value)
  const stop = await startTracing(receiver.env, { serviceName: 'both', onTrouble: () => {} })
  const { reconciliation } = await site.run({
    datasets: [datasetByName(COMPANIES)],
    repair: 'auto',
  })
  await stop()
  expect(reconciliation.state).toBe('repaired')

  const run = receiver.find('reconcile')
  expect(run).toMatchObject({ kind: 'internal', status: 'unset' })
  expect(run?.parentSpanId).toBeFalsy()
  const dataset = receiver.find(`reconcile ${COMPANIES}`, run)
  const steps = ['scan', 'fence', 'ask HQ', 'read rows', 'recheck', 'repair']
  expect(steps.filter((step) => receiver.find(step, dataset) === undefined)).toEqual([])
  // Of the gateway, each below the step that asked.
  const asked = (path: string, step: string) =>
    receiver.spans.filter(
      ({ name, parentSpanId, traceId }) =>
        name === `POST ${path}` &&
        traceId === run?.traceId &&
        parentSpanId === receiver.find(step, dataset)?.spanId,
    )
  expect(asked('/v1/digests', 'ask HQ')).toMatchObject([{ kind: 'server' }])
  expect(asked('/v1/digests/rows', 'read rows')).toMatchObject([{ kind: 'server' }])
  expect(asked('/v1/digests/rows', 'recheck').length).toBeGreaterThan(0)
  const digests = receiver.spans.filter(({ name }) => name === `digest ${COMPANIES}`)
  expect(new Set(digests.map(({ traceId }) => traceId))).toEqual(new Set([run?.traceId]))
  expect(receiver.hasReceived('never on a span')).toBe(false)
  expect(receiver.hasReceived(id)).toBe(false)
})
