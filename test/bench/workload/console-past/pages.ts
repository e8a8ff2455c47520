import type { BenchServers } from '../../programs/servers.ts'
import type { Filled } from '../console-fill.ts'
import { FILLED_SOURCE } from './filled-rows.ts'

const COMPANIES = 'dx_company_entities_v1'
/** A moment in the middle of the past, where pages by key begin, too. */
const LONG_AGO_MS = 45 * 86_400_000

interface RefusedRow {
  readonly id: string
  readonly key: string
  readonly batch: string
  readonly dataset: string
  readonly code: string
  readonly pointer: string
}

/** The newest open ones of the companies on one side. */
async function newestOf(servers: BenchServers, side: 'hq' | 'dx'): Promise<RefusedRow> {
  const [table, code] =
    side === 'hq' ? ['ingest.quarantine', 'code'] : ['hq_export.dead_letter', 'reason']
  const { rows } = await servers[side].client.query<RefusedRow>(
    `select id::text as id, key, batch, dataset, ${code} as code,
       regexp_replace(pointer, '^/rows/[0-9]+', '') as pointer
     from ${table} where dataset = $1 and resolved_at is null order by id desc limit 1`,
    [COMPANIES],
  )
  const [row] = rows
  if (row === undefined) throw new Error('nothing is refused')
  return row
}

const search = (values: Readonly<Record<string, string>>) => new URLSearchParams(values).toString()

/** Addresses of every screen, also with the filters and pages that look through the most. */
export async function pagesOf(servers: BenchServers, { run }: Filled): Promise<string[]> {
  const entry = await newestOf(servers, 'hq')
  const letter = await newestOf(servers, 'dx')
  const { dataset, code, pointer } = entry
  const cause = search({ dataset, code, pointer })
  const longAgo = new Date(Date.now() - LONG_AGO_MS).toISOString()
  const instant = longAgo.replace('Z', '000Z')
  const batchPlace = search({ before: `${instant}|${FILLED_SOURCE}|x`.replaceAll(':', '%3A') })
  const linePlace = search({
    hq: `${longAgo.replace('Z', '+00:00')},1`,
    dx: `${longAgo.replace('Z', '+00:00')},1`,
  })
  const { rows } = await servers.dx.client.query<{ id: string }>(
    'select id::text as id from hq_export.action order by requested_at desc limit 1',
  )
  const windows = ['6h', '24h', '7d']
  return [
    ...['/', ...windows.map((window) => `/?window=${window}`)],
    ...[
      `/datasets/${COMPANIES}`,
      ...windows.map((window) => `/datasets/dx_operation_runs_v1?window=${window}`),
    ],
    ...['/refused', `/refused?dataset=${COMPANIES}`, `/refused?code=${code}`],
    ...[`/refused?${cause}`, `/refused?${cause}&${linePlace}`],
    ...[`/refused/hq-${entry.id}`, `/refused/dx-${letter.id}`],
    `/row?${search({ dataset, key: entry.key })}`,
    ...['/batches', `/batches?dataset=${COMPANIES}`, '/batches?outcome=stale'],
    ...[`/batches?${batchPlace}`, `/batches?outcome=quarantined&${batchPlace}`],
    `/batches/${FILLED_SOURCE}/${entry.batch}`,
    ...['/verify', '/verify?before=100', `/verify/${run}`, `/verify/${run}?from=9900`],
    `/verify/${run}/report?format=html`,
    ...['/quality', ...windows.map((window) => `/quality?window=${window}`)],
    ...['/actions', `/actions/${rows[0]?.id}`],
    ...['dead_letter.replay', 'quarantine.discard'].map(
      (kind) => `/actions/new?do=${kind}&${cause}`,
    ),
    ...['/actions/new?do=backfill.start', '/actions/new?do=verify.now'],
    ...['/backfills', '/sources', '/keys', '/contract', '/doctor'],
    ...['/audit', '/audit?actor=nobody', '/audit?action=values.show'],
    ...['/help', `/help/${code}`, '/about'],
  ]
}
