import { Refusal } from './refusal.ts'

const MIN_RETRY_SECONDS = 1
const MAX_RETRY_SECONDS = 3

/**
 * A 503 for what this process cannot take now. Callers are sent away for unlike times, so that they
 * do not return together.
 */
export function atCapacity(detail: string, random: () => number = Math.random): Refusal {
  const spread = MAX_RETRY_SECONDS - MIN_RETRY_SECONDS + 1
  const retryAfter = MIN_RETRY_SECONDS + Math.floor(random() * spread)
  return new Refusal('at_capacity', detail, { headers: { 'retry-after': String(retryAfter) } })
}
