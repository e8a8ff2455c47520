import { canonicalJson, sha256Of } from '@hq-export/contract'
import type { ContractState } from '../records/contract-state.ts'
import type { Finding } from './finding.ts'
import { isOpenReader } from './retirement.ts'

function appended(before: string | null, after: string | null): Finding {
  const subject = 'releases.json'
  return { rule: 'RELEASES_APPEND_ONLY', subject, member: '', before, after }
}

/** Whether releases follow one another, and each has the frozen lock that it names. */
export function judgeReleases({ releases, frozen }: ContractState): Finding[] {
  return releases.flatMap(({ id, date, lock_sha256 }, index) => {
    const previous = releases[index - 1]
    const text = frozen[`${id}.json`]
    return [
      ...(previous !== undefined && date < previous.date
        ? [appended(`${previous.id} of ${previous.date}`, `${id} of ${date}`)]
        : []),
      ...(releases.findIndex((release) => release.id === id) === index ? [] : [appended(id, id)]),
      ...(text !== undefined && sha256Of(JSON.parse(text)) === lock_sha256
        ? []
        : [appended(`${id} with lock ${lock_sha256}`, text === undefined ? null : 'another lock')]),
    ]
  })
}

/** What has changed of the records that only grow: releases, frozen locks, consumers. */
export function compareRecords(before: ContractState, after: ContractState): Finding[] {
  return [
    ...before.releases.flatMap((release, index) => {
      const [old, now] = [release, after.releases[index]].map((each) =>
        each === undefined ? null : canonicalJson(each),
      )
      return old === now ? [] : [appended(release.id, after.releases[index]?.id ?? null)]
    }),
    ...Object.entries(before.frozen).flatMap(([name, text]): Finding[] => {
      const now = after.frozen[name]
      if (now === text) return []
      const change = { before: 'frozen', after: now === undefined ? null : 'changed' }
      return [{ rule: 'FROZEN_LOCK_SAME', subject: `locks/${name}`, member: '', ...change }]
    }),
    ...before.consumers.flatMap((old) => {
      const now = after.consumers.find(({ name }) => name === old.name)
      return old.reads
        .filter((dataset) => isOpenReader(old, dataset) && !now?.reads.includes(dataset))
        .map((dataset): Finding => {
          const subject = `consumers/${old.name}.json`
          return {
            rule: 'CONSUMER_NO_DELETE',
            subject,
            member: 'reads',
            before: dataset,
            after: null,
          }
        })
    }),
  ]
}
