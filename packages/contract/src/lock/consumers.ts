import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { daySchema } from './lock.ts'

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

const FOLDER = join(import.meta.dirname, '..', '..', 'consumers')

/** Reads the consumers that this build knows. @throws where a file is none of theirs. */
export function readConsumers(): Consumer[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => consumerSchema.parse(JSON.parse(readFileSync(join(FOLDER, name), 'utf8'))))
}
