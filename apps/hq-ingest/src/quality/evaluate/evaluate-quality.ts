import { DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import { gatewayLocks } from '../../db/own-locks.ts'
import { rolledUpThrough } from '../../profile/rolled-up-through.ts'
import type { Told } from '../incident/apply-verdict.ts'
import { expireQuality } from './expire-quality.ts'
import { judgeLag } from './judge-lag.ts'
import { judgeStream } from './judge-stream.ts'
import { readProgress } from './progress.ts'
import { reportDays } from './report-days.ts'
import { listSources } from './sources.ts'
import { sumHours } from './sum-hours.ts'

/** A session's, because each window is judged in a transaction of its own. */
const LOCK = 'quality'

async function evaluateSource(
  client: pg.ClientBase,
  source: string,
  through: number,
  now: number,
): Promise<Told[]> {
  const told: Told[] = []
  const late = await judgeLag(client, source, now)
  if (late !== undefined) told.push(late)
  for (const { name: dataset } of DATASETS) {
    const stream = { source, dataset }
    const progress = await readProgress(client, stream)
    if (progress === undefined) continue
    await sumHours(client, stream, progress, through)
    told.push(...(await judgeStream(client, stream, progress, through)))
    told.push(...(await reportDays(client, stream, progress, through)))
  }
  return told
}

/**
 * One pass: sums up the hours that are final, judges every window that is, keeps the reports of
 * days that are over. Whatever it dies of, the next pass goes on where it was.
 * @param now milliseconds since the epoch, by HQ's clock.
 * @returns what is to be told; undefined where another gateway is at it.
 */
export async function evaluateQuality(
  client: pg.ClientBase,
  now: number,
): Promise<Told[] | undefined> {
  const { key } = await gatewayLocks.take(client, LOCK)
  if (key === undefined) return undefined
  try {
    const told: Told[] = []
    const through = await rolledUpThrough(client)
    if (through === undefined) return told
    for (const source of await listSources(client)) {
      told.push(...(await evaluateSource(client, source, Math.min(through, now), now)))
    }
    await expireQuality(client, now)
    return told
  } finally {
    await gatewayLocks.release(client, key)
  }
}
