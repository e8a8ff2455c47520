import type { LockedDataset } from '@hq-export/contract'
import type { Consumer } from '@hq-export/contract/lock/consumers.ts'
import type { ContractState } from '../records/contract-state.ts'
import type { Finding } from './finding.ts'

/** Releases that must come after the one that deprecated a version (contract, Governance). */
export const WINDOW_RELEASES = 2
/** Days that must pass from the deprecation on, however fast releases follow. */
export const WINDOW_DAYS = 30

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

/**
 * What still speaks against retiring a version on a day: releases, days, the sunset, and every
 * consumer of its own; nothing where it may go.
 */
export function obstaclesTo(
  subject: string,
  { deprecation }: LockedDataset,
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
  const acknowledgement = (before: string): Finding => ({
    rule: 'RETIRE_REQUIRES_CONSUMER_ACK',
    subject,
    member: 'retired_on',
    before,
    after: day,
  })
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
  ]
}
