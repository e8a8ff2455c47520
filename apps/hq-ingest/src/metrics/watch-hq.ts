import { readingGauges } from '@hq-export/observability/reading-gauges.ts'
import { Watcher } from '@hq-export/observability/watcher.ts'
import type { Meter } from '@opentelemetry/api'
import type pg from 'pg'
import type { Logger } from 'pino'
import { connectPlain } from '../db/connect.ts'
import { assertSeesAll } from '../db/hidden-tables.ts'

/** How old what is said of HQ may be. */
const PERIOD_MS = 15_000

const QUARANTINE = /* sql */ `
select dataset, count(*)::int as depth,
       extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(first_seen_at))::float8
         as age_s
from ingest.quarantine where resolved_at is null
group by dataset`

const HEARTBEATS = /* sql */ `
select source, received_at::text as received,
       extract(epoch from pg_catalog.clock_timestamp() - received_at)::float8 as age_s,
       greatest(extract(epoch from source_ts - received_at), 0)::float8 as ahead_s
from ingest.heartbeat`

// Sources whose every live key has an end; the last of these ends counts.
const KEYS = /* sql */ `
select source,
       extract(epoch from pg_catalog.max(not_after) - pg_catalog.clock_timestamp())::float8
         as expiry_s
from ingest.key
where revoked_at is null and coalesce(not_after, 'infinity') > pg_catalog.clock_timestamp()
group by source
having pg_catalog.bool_and(not_after is not null)`

// From the table: what a reader is shown beside it is not asked for every 15 s.
const FRESHNESS = /* sql */ `
select source, dataset,
       greatest(extract(epoch from pg_catalog.clock_timestamp() - complete_through), 0)::float8
         as age_s
from ingest.freshness where complete_through is not null`

// The same of how far it is behind.
const LAGS = /* sql */ `
select source, dataset, greatest(extract(epoch from
         behind + (pg_catalog.clock_timestamp() - lag_told_at)), 0)::float8 as age_s
from ingest.freshness where behind is not null`

/** Seconds that something of a dataset is old. */
interface DatasetAge {
  readonly source: string
  readonly dataset: string
  readonly age_s: number
}

// One for each check of a dataset of a source at most.
const INCIDENTS = /* sql */ `
select dataset, check_name as "check", severity, count(*)::int as open
from ingest.incident where closed_at is null
group by dataset, check_name, severity`

const ROLL_UP = /* sql */ `
select extract(epoch from pg_catalog.clock_timestamp() - rolled_at)::float8 as age_s
from ingest.roll_up`

/** Open incidents of a check of a dataset. */
export interface Incidents {
  readonly dataset: string
  readonly check: string
  readonly severity: 'page' | 'warn'
  readonly open: number
}

/** A source whose every live key has an end, and when the last of them ends. */
export interface KeyEnd {
  readonly source: string
  readonly expiry_s: number
}

interface Quarantine {
  readonly dataset: string
  readonly depth: number
  readonly age_s: number
}

interface Beat {
  readonly source: string
  readonly age_s: number
  /** How far the source's clock was ahead of HQ's when it arrived, at least. */
  readonly ahead_s: number
}

/** What HQ said last. */
export interface HqReading {
  readonly quarantine: readonly Quarantine[]
  readonly heartbeats: readonly Beat[]
  readonly keys: readonly KeyEnd[]
  readonly incidents: readonly Incidents[]
  /** Since batches were added to their minutes last, in seconds. */
  readonly rollUpAge: number
  readonly complete: readonly DatasetAge[]
  readonly lags: readonly DatasetAge[]
  readonly readAt: number
}

/**
 * When the newest heartbeat of each source was seen first: HQ's clock can be set back, and would
 * make it young.
 */
class SeenBeats {
  readonly #seen = new Map<string, { readonly received: string; readonly at: number }>()

  /** @returns its age in seconds, at least as long as it was seen. */
  ageOf({ source, received, age_s }: Beat & { readonly received: string }): number {
    const known = this.#seen.get(source)
    const now = performance.now()
    if (known?.received !== received) this.#seen.set(source, { received, at: now })
    return Math.max(0, age_s, known?.received === received ? (now - known.at) / 1000 : 0)
  }
}

/** Reads when the last key of each source ends, where it does. */
export async function readKeyEnds(client: pg.ClientBase): Promise<KeyEnd[]> {
  return (await client.query<KeyEnd>(KEYS)).rows
}

/** Reads how many incidents are open, by dataset, check and severity. */
export async function readOpenIncidents(client: pg.ClientBase): Promise<Incidents[]> {
  return (await client.query<Incidents>(INCIDENTS)).rows
}

async function read(client: pg.ClientBase, seen: SeenBeats): Promise<HqReading> {
  await assertSeesAll(client)
  const quarantine = (await client.query<Quarantine>(QUARANTINE)).rows
  const beats = (await client.query<Beat & { received: string }>(HEARTBEATS)).rows
  const heartbeats = beats.map((beat) => ({ ...beat, age_s: seen.ageOf(beat) }))
  const keys = await readKeyEnds(client)
  const complete = (await client.query<DatasetAge>(FRESHNESS)).rows
  const lags = (await client.query<DatasetAge>(LAGS)).rows
  const incidents = await readOpenIncidents(client)
  const [rolled] = (await client.query<{ age_s: number }>(ROLL_UP)).rows
  const rollUpAge = Math.max(0, rolled?.age_s ?? 0)
  const ages = { rollUpAge, complete, lags }
  return { quarantine, incidents, heartbeats, keys, ...ages, readAt: performance.now() }
}

/**
 * Reads HQ's own state every 15 s on a session of its own, so that a scrape never waits for the
 * database.
 */
export class HqWatcher extends Watcher<pg.Client, HqReading> {
  constructor(databaseUrl: string, log: Logger, periodMs: number = PERIOD_MS) {
    const seen = new SeenBeats()
    super({
      open: () => connectPlain(databaseUrl),
      read: (client) => read(client, seen),
      close: (client) => client.end(),
      onFailure: ({ code }) => log.warn({ code }, 'HQ cannot be observed; trying again'),
      log,
      periodMs,
    })
  }

  /** Registers the gauges over the last reading; absent where HQ cannot be read. */
  observe(meter: Meter): void {
    const gauge = readingGauges(meter, () => this.reading)
    meter
      .createObservableGauge('hq.ingest.database.up', { description: '1 while HQ can be read' })
      .addCallback((result) => result.observe(this.reading === undefined ? 0 : 1))
    gauge(
      'hq.ingest.quarantine.depth',
      '{row}',
      'rows in quarantine that nobody resolved',
      (result, { quarantine }) => {
        for (const { dataset, depth } of quarantine) result.observe(depth, { dataset })
      },
    )
    gauge(
      'hq.ingest.quarantine.oldest_age',
      's',
      'how long the oldest of them waits',
      (result, { quarantine }, since) => {
        for (const { dataset, age_s } of quarantine) result.observe(age_s + since, { dataset })
      },
    )
    gauge(
      'hq.ingest.heartbeat.age',
      's',
      'since the newest heartbeat of a source arrived',
      (result, { heartbeats }, since) => {
        for (const { source, age_s } of heartbeats) result.observe(age_s + since, { source })
      },
    )
    gauge(
      'hq.ingest.heartbeat.ahead',
      's',
      'how far the clock of a source was ahead when its newest heartbeat arrived',
      (result, { heartbeats }) => {
        for (const { source, ahead_s } of heartbeats) result.observe(ahead_s, { source })
      },
    )
    gauge(
      'hq.ingest.complete_through.age',
      's',
      'since the moment up to which a dataset of a source is complete',
      (result, { complete }, since) => {
        for (const { age_s, ...labels } of complete) result.observe(age_s + since, labels)
      },
    )
    gauge(
      'hq.ingest.dataset.lag',
      's',
      'age of the oldest row of a dataset of a source that HQ has not decided',
      (result, { lags }, since) => {
        for (const { age_s, ...labels } of lags) result.observe(age_s + since, labels)
      },
    )
    gauge(
      'hq.ingest.incidents',
      '{incident}',
      'open incidents of quality, by dataset, check and severity',
      (result, { incidents }) => {
        for (const { open, ...labels } of incidents) result.observe(open, labels)
      },
    )
    gauge(
      'hq.ingest.roll_up.age',
      's',
      'since batches were added to their minutes last',
      (result, { rollUpAge }, since) => result.observe(rollUpAge + since),
    )
    gauge(
      'hq.ingest.key.expiry',
      's',
      'until the last key of a source ends; absent where one has no end',
      (result, { keys }, since) => {
        for (const { source, expiry_s } of keys) result.observe(expiry_s - since, { source })
      },
    )
  }
}
