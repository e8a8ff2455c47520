import { compareDrains, drainMeasures, drainNotes, NATIVE_NOTE } from '../drain-comparison.ts'
import { type DrainRound, drainOurs, type OurRound } from '../drain-ours.ts'
import { drainNative, NATIVE } from '../native/drain-native.ts'
import { NativeReplication } from '../native/native-replication.ts'
import { install } from '../programs/install.ts'
import { assertWaiting, emptyOutbox } from '../programs/outbox.ts'
import { settleServers, startServers } from '../programs/servers.ts'
import type { BenchOptions, Measurement } from '../scenario.ts'
import {
  assertSameCompanies,
  enrichCompanies,
  fillCompanies,
  fillHqCompanies,
  fillPlainCompanies,
  lastCompany,
} from './company-entities.ts'
import { describeCommits } from './write-in-commits.ts'

const DATASET = 'dx_company_entities_v1'
const SOURCE_TABLE = 'entities.company_entities'
const HQ_TABLE = `hq.${DATASET}`

/**
 * Measures `options.rows` waiting updates, `versions` of each company, which HQ has already: ours
 * against native logical replication of the same updates into a table with the same key and
 * indexes.
 */
export async function measureVersions(
  options: BenchOptions,
  versions: number,
): Promise<Measurement> {
  const companies = Math.ceil(options.rows / versions)
  const rows = companies * versions
  await using servers = await startServers()
  const { dx, hq } = servers
  await install(servers, [DATASET])
  let rowBytes = 0

  async function runOurs(): Promise<OurRound> {
    await fillCompanies(dx.client, companies)
    await fillHqCompanies(hq.client, companies)
    await emptyOutbox(dx.client)
    await enrichCompanies(dx.client, SOURCE_TABLE, companies, versions, options)
    rowBytes = await assertWaiting(dx.client, rows)
    await settleServers(servers)
    const round = await drainOurs(servers, options, rows)
    await assertSameCompanies(
      { client: dx.client, table: SOURCE_TABLE },
      { client: hq.client, table: HQ_TABLE },
    )
    return round
  }

  async function runAnchor(): Promise<DrainRound> {
    await using native = new NativeReplication(servers, DATASET)
    const { table } = native
    await native.prepare((client) => fillPlainCompanies(client, table, companies))
    await enrichCompanies(dx.client, table, companies, versions, options)
    await settleServers(servers)
    const last = { name: 'last', text: lastCompany(table), values: [companies, versions + 1] }
    const round = await drainNative(
      servers,
      native,
      options,
      rows,
      async () => (await hq.client.query(last)).rowCount === 1,
    )
    await assertSameCompanies({ client: dx.client, table }, { client: hq.client, table })
    return round
  }

  const drains = await compareDrains(options, runOurs, runAnchor)
  return {
    rows,
    rowBytes: Math.round(rowBytes),
    postgresql: servers.version,
    measures: drainMeasures(drains, NATIVE),
    notes: [
      `${versions} versions of each of ${companies} companies; ${DATASET} alone, no snapshots`,
      describeCommits(options),
      'HQ has the companies before; rows are waiting versions, on both sides',
      NATIVE_NOTE,
      ...drainNotes(drains, NATIVE),
    ],
  }
}
