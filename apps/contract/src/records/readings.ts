import type { LastRead } from '@hq-export/contract'
import { z } from 'zod'

const instant = z.iso.datetime()

/** What `ingest -- readers --json` prints, as far as it matters here. */
const readingsSchema = z.object({
  versions: z.array(
    z.object({
      dataset: z.string(),
      read_at: instant.nullable(),
      watched_since: instant,
      looked_at: instant,
    }),
  ),
})
export type Readings = z.infer<typeof readingsSchema>

/** Reads what HQ said of its readers. @throws where the text is something else. */
export function parseReadings(text: string): Readings {
  return readingsSchema.parse(JSON.parse(text))
}

const day = (at: string) => at.slice(0, 10)

/** What HQ said of a dataset version; null where it knows none of that name. */
export function lastReadOf({ versions }: Readings, dataset: string): LastRead | null {
  const reading = versions.find((version) => version.dataset === dataset)
  if (reading === undefined) return null
  return {
    looked_on: day(reading.looked_at),
    watched_since: day(reading.watched_since),
    read_on: reading.read_at === null ? null : day(reading.read_at),
  }
}
