import { datasetByName } from '@hq-export/contract'
import { mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import { nextStep } from '@hq-export/hq-ingest/quality/incident/next-step.ts'
import type { HourProfile } from '@hq-export/hq-ingest/quality/window/history.ts'
import { judgeWindow, type Pending } from '@hq-export/hq-ingest/quality/window/judge-window.ts'
import { DAY_MS, HOUR_MS, WINDOW_MS } from '@hq-export/hq-ingest/quality/window/time.ts'
import { expect, test } from 'vitest'
import { workload } from '../support/quality/workload.ts'
import { randomSeed, seededRandom } from '../support/random.ts'

/*
 * A month of the normal workload, every window of it judged against the four weeks before: it gives
 * no incident.
 */

const DAYS = 28
const EVENT_TYPES = ['request_sent', 'response_received', 'retry_scheduled', 'state_change']

const seed = randomSeed()

test(`a month of the normal workload gives no incident, seed ${seed}`, () => {
  const random = seededRandom(seed)
  const hours = new Map<string, HourProfile[]>()
  const windows = new Map<string, Map<number, Profile>>()
  const pending = new Map<string, Pending>()
  const opened: string[] = []
  for (let at = 0; at < 2 * DAYS * DAY_MS; at += WINDOW_MS) {
    for (const [name, profile] of Object.entries(workload(random))) {
      const of = windows.get(name) ?? new Map<number, Profile>()
      windows.set(name, of.set(at, profile))
      const past = hours.get(name) ?? []
      hours.set(name, past)
      const end = at + WINDOW_MS
      if (end % HOUR_MS === 0) {
        const quarters = [1, 2, 3, 4].flatMap((back) => of.get(end - back * WINDOW_MS) ?? [])
        past.push({ hour: end - HOUR_MS, profile: mergeProfiles(quarters) })
        if (past.length > 30 * 24) past.shift()
        of.delete(at - 2 * DAY_MS)
      }
      if (at < DAYS * DAY_MS) continue
      const judged = judgeWindow({
        dataset: datasetByName(name),
        end,
        windows: of,
        history: { hours: past, since: 0, incidents: [] },
        pending: pending.get(name) ?? {},
        comparison: undefined,
        known: { event_type: new Set(EVENT_TYPES) },
        isHeard: true,
        tolerances: {},
      })
      pending.set(name, judged.pending)
      for (const { verdict } of judged.checks) {
        if (nextStep(undefined, verdict, end).kind === 'open') {
          opened.push(`${name} ${verdict.check} ${verdict.rule} at ${at}`)
        }
      }
    }
  }
  expect(opened).toEqual([])
})
