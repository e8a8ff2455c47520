import { daySchema } from '@hq-export/contract'
import { z } from 'zod'

/** `waivers.json`: findings that are let pass, each with its reason and for a time. */
export const waiversSchema = z.array(
  z.strictObject({
    fingerprint: z.string().regex(/^[0-9a-f]{12}$/, 'must be a fingerprint, as check prints it'),
    rule: z.string(),
    reason: z.string().min(10, 'must say why, in a sentence'),
    /** The last day on which it counts. */
    expires: daySchema,
  }),
)
export type Waiver = z.infer<typeof waiversSchema>[number]
