import { daySchema, releaseIdSchema } from '@hq-export/contract'
import { z } from 'zod'

/** `releases.json`: every release of the contract, the oldest first; only ever appended to. */
export const releasesSchema = z.array(
  z.strictObject({
    id: releaseIdSchema,
    date: daySchema,
    /** Of `locks/<id>.json` as it was written. */
    lock_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
)
export type Release = z.infer<typeof releasesSchema>[number]
