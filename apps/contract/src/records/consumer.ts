import { daySchema } from '@hq-export/contract'
import { z } from 'zod'

/** `consumers/<name>.json`: who reads which dataset versions in HQ, and what it has moved off. */
export const consumerSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'must be a name like revenue-dashboard'),
  owner: z.string().min(1),
  reads: z.array(z.string()),
  acknowledged: z.array(
    z.strictObject({
      dataset: z.string(),
      date: daySchema,
      by: z.string().min(1),
      /** Where whoever doubts it can see that this consumer reads the successors now. */
      evidence: z.string().min(1),
    }),
  ),
})
export type Consumer = z.infer<typeof consumerSchema>
