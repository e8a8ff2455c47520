import type { LastRead, LockedDataset } from '@hq-export/contract'
import type { Consumer } from '@hq-export/contract/lock/consumers.ts'
import type { ContractState } from '../records/contract-state.ts'
import type { Finding } from './finding.ts'
import type { RuleId } from './rules.ts'

/** Releases that must come after the one that deprecated a version (contract, Governance). */
const WINDOW_RELEASES = 2
/** Days that must pass from the deprecation on, however fast releases follow. */
export const WINDOW_DAYS = 30

/** Days for which HQ must have seen no reader, and for which that is news. */
const QUIET_DAYS = 7

const DAY_MS = 86_400_000

/** A day that is so many days later. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10)
}

/** Whether a consumer has read this version, and has not said that it moved. */
export function isOpenReader(consumer: Consumer, dataset: string): boolean {
  return (
    consumer.reads.includes(dataset) &&
    !consumer.acknowledged.some((entry) => entry.dataset === dataset)
  )
}

/** Why HQ's readers speak against a version's end on a day; undefined where they do not. */
function readersAgainst(lastRead: LastRead | null, day: string): string | undefined {
  if (lastRead === null) return 'nobody has looked who reads it'
  const { looked_on: looked, watched_since: watched, read_on: read } = lastRead
  if (looked > day || addDays(looked, QUIET_DAYS) < day) return `looked at on ${looked}`
  if (read !== null && addDays(read, QUIET_DAYS) > looked) return `read on ${read}`
  return addDays(watched, QUIET_DAYS) > looked ? `watched since ${watched} only` : undefined
}

/**
 * What still speaks against retiring a version on a day: releases, days, the sunset, every consumer
 * of its own, and whoever was seen to read it; nothing where it may go.
 */
export function obstaclesTo(
  subject: string,
  { deprecation, last_read: lastRead }: LockedDataset,
  { releases, consumers }: Pick<ContractState, 'releases' | 'consumers'>,
  day: string,
): Finding[] {
  const window = (before: string, after: string | null): Finding => ({
    rule: 'RETIRE_REQUIRES_WINDOW',
    subject,
    member: 'retired_on',
    before,
    after,
  })
  if (deprecation === null) return [window('never deprecated', day)]
  const position = releases.findIndex(({ id }) => id === deprecation.release)
  // Only what was released after consumers were told gives them time.
  const since = releases.filter(
    ({ date }, index) =>
      position !== -1 && index > position && date >= deprecation.date && date <= day,
  ).length
  const earliest = addDays(deprecation.date, WINDOW_DAYS)
  const readers = consumers.filter(({ reads }) => reads.includes(subject))
  const unmoved = readers.filter((consumer) => isOpenReader(consumer, subject))
  const told = (rule: RuleId, before: string): Finding => ({
    rule,
    subject,
    member: 'retired_on',
    before,
    after: day,
  })
  const acknowledgement = (before: string) => told('RETIRE_REQUIRES_CONSUMER_ACK', before)
  const reading = readersAgainst(lastRead, day)
  return [
    ...(since >= WINDOW_RELEASES
      ? []
      : [window(`${since} of ${WINDOW_RELEASES} releases after ${deprecation.release}`, day)]),
    ...(day >= earliest
      ? []
      : [window(`${WINDOW_DAYS} days from ${deprecation.date} end on ${earliest}`, day)]),
    ...(day >= deprecation.sunset ? [] : [window(`sunset ${deprecation.sunset}`, day)]),
    // Nobody known to read it is nobody asked, and no proof that nobody does.
    ...(readers.length === 0 ? [acknowledgement('no consumer is known')] : []),
    ...unmoved.map(({ name }) => acknowledgement(`${name} has not acknowledged`)),
    ...(reading === undefined ? [] : [told('RETIRE_REQUIRES_NO_READER', reading)]),
  ]
}
