import { contractLockSha256 } from '@hq-export/contract/lock/current-lock.ts'
import type { RelaySession } from '@hq-export/outbox-relay/status/read-sessions.ts'
import { href } from '../../page/href.ts'
import { type Content, type Html, html, NOTHING } from '../../page/html.ts'
import { empty, readPanel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { facts, table } from '../../page/table.ts'
import { badge, count, duration, moment, type Tone } from '../../page/text.ts'
import { type Relays, readRelays } from './read-relays.ts'
import {
  type GatewaySessions,
  type KnownSource,
  readSenders,
  type Senders,
  type SourceDataset,
} from './read-sources.ts'

/** A relay sends a heartbeat every 30 s; of one that came this long ago two were lost. */
const QUIET_MS = 90_000
/** As the doctor of HQ says. */
const LATE_MS = 15 * 60_000
/** The contract's micro-batch interval, at its most; we stay far below it. */
const LAG_MS = 60_000

function ageTone(ms: number, soon: number, late: number): Tone {
  if (ms > late) return 'bad'
  return ms > soon ? 'warn' : 'good'
}

function heartbeat({ heartbeatAgeMs: age }: KnownSource): Content {
  if (age === null) return badge('unknown', 'none yet')
  const words = age > QUIET_MS ? 'quiet for' : 'alive,'
  return badge(ageTone(age, QUIET_MS, LATE_MS), `${words} ${duration(Math.max(0, age))}`)
}

function version({ version, versionAt }: Pick<Relays, 'version' | 'versionAt'>): Content {
  if (version === null) return html`<span class="none">not told yet</span>`
  return html`${version}, as its reconciliation said at ${moment(versionAt)}`
}

function sourceList({ sources, datasets, gateways }: Senders): Html {
  return html`${table<KnownSource>({
    id: 'source-list',
    caption: 'Sources that have a key, or have ever sent',
    rows: sources,
    rowId: ({ source }) => source,
    empty:
      'No source yet: HQ has no key and nobody has sent anything. ' +
      'Add a key: npm run ingest -- keys add.',
    columns: [
      {
        title: 'source',
        show: ({ source }) => html`<a href="${href(['batches'], { source })}">${source}</a>`,
      },
      { title: 'heartbeat', show: heartbeat },
      { title: 'its clock then (UTC)', show: ({ heartbeatTs }) => moment(heartbeatTs) },
      { title: 'last batch', show: ({ lastBatchAt }) => moment(lastBatchAt) },
      { title: 'key last used', show: ({ lastUsedAt }) => moment(lastUsedAt) },
      {
        title: 'keys in HQ',
        isNumber: true,
        show: ({ source, liveKeys }) =>
          html`<a href="${href(['keys'], { source })}">${count(liveKeys)}</a>`,
      },
      { title: 'relay', show: version },
      { title: 'life of its database', show: ({ epoch }) => epoch ?? 'not told' },
    ],
  })}
${table<SourceDataset>({
  id: 'source-datasets',
  caption: 'How far each dataset is complete in HQ',
  rows: datasets,
  rowId: ({ source, dataset }) => `${source} ${dataset}`,
  empty:
    'No source has told how far it is complete. A relay that leads tells it every few seconds.',
  columns: [
    {
      title: 'dataset',
      show: ({ dataset }) => html`<a href="${href(['datasets', dataset])}">${dataset}</a>`,
    },
    { title: 'source', show: ({ source }) => source },
    {
      title: 'lag',
      show: ({ lagMs }) =>
        lagMs === null
          ? badge('unknown', 'not known yet')
          : badge(ageTone(lagMs, LAG_MS, LATE_MS), `${duration(lagMs)} behind`),
    },
    { title: 'complete through (UTC)', show: ({ completeThrough }) => moment(completeThrough) },
    { title: 'told', show: ({ toldAt }) => moment(toldAt) },
    {
      title: 'dead letters that HQ never saw',
      isNumber: true,
      show: ({ refused }) => count(refused),
    },
    { title: 'contract', show: ({ schemaVersion }) => schemaVersion },
  ],
})}
${table<GatewaySessions>({
  id: 'gateways',
  caption: 'Machines from which gateways hold sessions with HQ now',
  rows: gateways,
  rowId: ({ address }) => address ?? 'own',
  empty: 'No gateway holds a session now: none runs, or none has had work lately.',
  columns: [
    { title: 'gateway at', show: ({ address }) => address ?? 'HQ’s own machine' },
    { title: 'sessions', isNumber: true, show: ({ sessions }) => count(sessions) },
    { title: 'since (UTC)', show: ({ since }) => moment(since) },
  ],
})}`
}

function strangerText(strangers: Relays['strangers']): string {
  const named = strangers.map(
    ({ pid, login }) => `pid ${pid ?? 'none'} of ${login ?? 'a prepared transaction'}`,
  )
  return `Sessions that are no relay hold its locks, and stop nothing: ${named.join(', ')}.`
}

interface Sitting extends RelaySession {
  readonly role: 'leader' | 'standby'
}

function relayList(relays: Relays): Html {
  const { leader, standbys, strangers, loopSilentS, lastAckAt, epoch, bound } = relays
  const rows: Sitting[] = [
    ...(leader === null ? [] : [{ ...leader, role: 'leader' as const }]),
    ...standbys.map((standby) => ({ ...standby, role: 'standby' as const })),
  ]
  const silent = (seconds: number | null) =>
    seconds === null ? 'nothing' : duration(seconds * 1000)
  return html`${facts('relay-facts', [
    ['leads', leader === null ? badge('bad', 'no relay leads') : badge('good', 'a relay leads')],
    [
      'its loop asked something',
      loopSilentS === null ? 'no loop runs' : html`${silent(loopSilentS)} ago`,
    ],
    ['last acknowledged', moment(lastAckAt)],
    ['version', version(relays)],
    ['life of the database', epoch ?? 'none yet'],
    ['contract lock of this build', html`<code>${contractLockSha256()}</code>`],
  ])}
${leader === null ? html`<p class="absence">Nothing is delivered while no relay leads. Start one: <code>npm run relay -- run</code>; see the <a href="/doctor">doctor</a>.</p>` : NOTHING}
${table<Sitting>({
  id: 'relay-list',
  caption: 'Relays with a session at data-engine-x',
  rows,
  rowId: ({ pid }) => String(pid),
  empty: 'No relay holds a session. One that leads, and those that stand by, would stand here.',
  columns: [
    { title: 'process', isNumber: true, show: ({ pid }) => String(pid) },
    { title: 'role', show: ({ role }) => badge(role === 'leader' ? 'good' : 'unknown', role) },
    { title: 'from', show: ({ client_address }) => client_address ?? 'the server’s own machine' },
    { title: 'since (UTC)', show: ({ since }) => moment(since) },
    { title: 'heard of', show: ({ silent_s }) => `${silent(silent_s)} ago` },
  ],
})}
${strangers.length === 0 ? NOTHING : empty(strangerText(strangers))}
${table({
  id: 'bound',
  caption: 'What is exported',
  rows: bound,
  rowId: ({ dataset }) => dataset,
  empty: 'Nothing is bound: npm run relay -- bind.',
  columns: [
    {
      title: 'dataset',
      show: ({ dataset }) => html`<a href="${href(['datasets', dataset])}">${dataset}</a>`,
    },
    { title: 'table', show: ({ table }) => table },
    { title: 'binding', show: ({ binding }) => binding },
    { title: 'captured since (UTC)', show: ({ since }) => moment(since) },
  ],
})}`
}

async function show({ hq, dx }: PageRequest): Promise<Page> {
  const [senders, relays] = await Promise.all([hq.read(readSenders), dx.read(readRelays)])
  return {
    title: 'Sources and relays',
    content: html`${readPanel({ id: 'relays', title: 'Relays at data-engine-x' }, relays, relayList)}
${readPanel({ id: 'sources', title: 'Sources, as HQ knows them' }, senders, sourceList)}`,
  }
}

/** Who sends: relays that lead and stand by, sources with their heartbeats and lags, gateways. */
export const sources: Screen = { path: '/sources', nav: { title: 'Sources', key: 's' }, show }
