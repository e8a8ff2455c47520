import { randomUUID } from 'node:crypto'
import { type Finding, parseSigningKey, type Reconciliation } from '@hq-export/contract'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { reconcile } from '@hq-export/outbox-relay/reconcile/reconcile.ts'
import type {
  ReconcileContext,
  ReconcileRequest,
} from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import { Pool } from 'undici'
import { expect } from 'vitest'
import { BusyWriters } from '../busy-writers.ts'
import { insertCompany, insertEvent, insertOrg, insertRun } from '../reference-rows.ts'
import { runApp } from './app-process.ts'
import type { Pipeline } from './pipeline.ts'

/** Rows that nobody writes any more, some of which differ in HQ by the test's own hand. */
export class Planted {
  readonly #pipeline: Pipeline
  readonly #eventId: string
  readonly #company: string

  private constructor(pipeline: Pipeline, eventId: string, company: string) {
    this.#pipeline = pipeline
    this.#eventId = eventId
    this.#company = company
  }

  /** Writes the rows, and waits until HQ has them. */
  static async write(pipeline: Pipeline): Promise<Planted> {
    const { dx } = pipeline
    const orgId = await insertOrg(dx)
    const eventId = await insertEvent(dx, orgId, await insertRun(dx, orgId))
    const entityId = await insertCompany(dx, orgId)
    await pipeline.settled()
    return new Planted(pipeline, eventId, entityId)
  }

  /** HQ loses the event and has another name for the company. */
  async plant(): Promise<void> {
    const { hq } = this.#pipeline
    await hq.query(
      `create table if not exists public.planted as
       select * from hq.dx_operation_events_v1 where event_id = '${this.#eventId}'`,
    )
    await hq.query('delete from hq.dx_operation_events_v1 where event_id = $1', [this.#eventId])
    await this.#rename('planted')
  }

  /** HQ has again what it had. */
  async mend(): Promise<void> {
    await this.#pipeline.hq.query(
      `insert into hq.dx_operation_events_v1 select * from public.planted on conflict do nothing`,
    )
    await this.#rename('Acme')
  }

  async #rename(name: string): Promise<void> {
    await this.#pipeline.hq.query(
      'update hq.dx_company_entities_v1 set canonical_name = $2 where entity_id = $1',
      [this.#company, name],
    )
  }

  /** Whether a finding is one of what was planted. */
  has({ class: found, columns, key }: Finding): boolean {
    return found === 'missing'
      ? key === this.#eventId
      : found === 'different' && columns.join() === 'canonical_name' && key.endsWith(this.#company)
  }

  /** Whether findings are what was planted, all of it and nothing else. */
  isFoundBy(findings: readonly Finding[]): boolean {
    return (
      findings.length === 2 &&
      findings.every((finding) => this.has(finding)) &&
      findings[0]?.class !== findings[1]?.class
    )
  }
}

/** Compares everything, and repairs nothing unless it is told to. */
export async function reconcileAll(
  pipeline: Pipeline,
  {
    patienceMs = 30_000,
    repair = 'off',
  }: Pick<ReconcileContext, 'patienceMs'> & Partial<Pick<ReconcileRequest, 'repair'>> = {},
): Promise<Reconciliation> {
  const pool = new Pool(pipeline.gatewayUrl)
  try {
    const context = {
      databaseUrl: pipeline.dxDatabase.url,
      pool,
      keys: [parseSigningKey(pipeline.secret)],
      source: 'data-engine-x',
      log: createLog('silent'),
      stopping: new AbortController().signal,
      patienceMs,
    }
    const { reconciliation } = await reconcile(context, {
      id: randomUUID(),
      kind: 'command',
      datasets: null,
      scope: {},
      repair,
    })
    return reconciliation
  } finally {
    await pool.destroy()
  }
}

/** What of a run a test looks at; short when it fails. */
function brief({ state, findings, datasets }: Reconciliation) {
  return {
    state,
    findings: findings.map(({ dataset, key, class: found }) => `${dataset} ${found} ${key}`),
    reasons: datasets.flatMap(({ reason }) => reason ?? []),
  }
}

/** How often what came of the runs. */
export type States = Partial<Record<Reconciliation['state'], number>>

/** Runs after which something is planted, and found by the next one. */
const PLANTED_EVERY = 10

/** Runs that may be undecided, one after the other, before what is planted is found. */
const MORE_RUNS = 4

/** What reconciliations under load came to. */
export interface UnderLoad {
  readonly states: States
  /** What was found and not planted. */
  readonly falseFindings: readonly string[]
  /** How often something was planted and found by the next run that could tell. */
  readonly found: number
  readonly committed: number
}

/**
 * Reconciles again and again while eight sessions write and, at first, a backfill runs: nothing is
 * found but what is planted, and that is found by the next run.
 * @param onRun told after each run, with the seconds that it took.
 */
export async function reconcileUnderLoad(
  pipeline: Pipeline,
  options: {
    readonly runs: number
    readonly pauseMs?: number
    readonly onRun?: (run: number, seconds: number, load: UnderLoad) => void
  },
): Promise<UnderLoad> {
  const { runs, pauseMs = 0, onRun = () => {} } = options
  const planted = await Planted.write(pipeline)
  const states: States = {}
  const falseFindings: string[] = []
  let found = 0
  await using writers = await BusyWriters.start(pipeline.dxDatabase, { pauseMs })
  const soFar = (): UnderLoad => ({ states, falseFindings, found, committed: writers.committed })

  async function findPlanted(): Promise<void> {
    await planted.plant()
    let { findings, state } = await reconcileAll(pipeline)
    // Where the relay is behind for as long as it is waited for, the run cannot tell.
    for (let more = 0; state === 'undecided' && more < MORE_RUNS; more++)
      ({ findings, state } = await reconcileAll(pipeline))
    expect({ findings: planted.isFoundBy(findings) || findings, state }).toEqual({
      findings: true,
      state: 'different',
    })
    await planted.mend()
    found++
  }

  // It sends the event that is planted as missing once more, and so mends it.
  let isBackfilling = true
  const backfill = runApp('outbox-relay', ['backfill'], pipeline.relayEnv).finally(() => {
    isBackfilling = false
  })
  for (let run = 1; run <= runs; run++) {
    const began = performance.now()
    const { state, findings } = brief(await reconcileAll(pipeline))
    falseFindings.push(...findings)
    states[state] = (states[state] ?? 0) + 1
    onRun(run, (performance.now() - began) / 1_000, soFar())
    if (run % PLANTED_EVERY === 0 && !isBackfilling) await findPlanted()
  }
  expect(await backfill).toMatchObject({ exitCode: 0 })
  await findPlanted()
  await writers.stop()
  await pipeline.settled()
  expect(brief(await reconcileAll(pipeline))).toEqual({ state: 'equal', findings: [], reasons: [] })
  expect(writers.committed).toBeGreaterThan(runs)
  const came = soFar()
  expect(came.falseFindings).toEqual([])
  expect((states.equal ?? 0) + (states.undecided ?? 0)).toBe(runs)
  return came
}
