import { DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import { gatewayLocks } from '../../db/own-locks.ts'
import { rolledUpThrough } from '../../profile/rolled-up-through.ts'
import { keepDigests } from '../digest/keep-digests.ts'
import type { Told } from '../incident/apply-verdict.ts'
import { expireQuality } from './expire-quality.ts'
import { judgeLag } from './judge-lag.ts'
import { judgeStream } from './judge-stream.ts'
import { type Progress, readProgress, type Stream } from './progress.ts'
import { reportDays } from './report-days.ts'
import { listSources } from './sources.ts'
import { sumHours } from './sum-hours.ts'

/** A session's, because each window is judged in a transaction of its own. */
const LOCK = 'quality'

/** Every dataset of a source that anything came of, in turn. */
async function ofEachStream(
  client: pg.ClientBase,
  sources: readonly string[],
  work: (stream: Stream, progress: Progress) => Promise<Told[]>,
): Promise<Told[]> {
  const told: Told[] = []
  for (const source of sources) {
    for (const { name: dataset } of DATASETS) {
      const stream = { source, dataset }
      const progress = await readProgress(client, stream)
      if (progress !== undefined) told.push(...(await work(stream, progress)))
    }
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
    const final = Math.min(through, now)
    const sources = await listSources(client)
    for (const source of sources) told.push(...(await judgeLag(client, source, now)))
    const ofWindows = await ofEachStream(client, sources, async (stream, progress) => {
      await sumHours(client, stream, progress, final)
      return judgeStream(client, stream, progress, final)
    })
    // After all windows: a day that cannot be read, or not now, holds none of them up.
    const ofDays = await ofEachStream(client, sources, (stream, progress) =>
      reportDays(client, stream, progress, final),
    )
    told.push(...ofWindows, ...ofDays)
    await keepDigests(client, sources, final)
    await expireQuality(client, now)
    return told
  } finally {
    await gatewayLocks.release(client, key)
  }
}
