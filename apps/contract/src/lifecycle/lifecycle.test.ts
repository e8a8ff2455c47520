import { lockSchema } from '@hq-export/contract'
import { describe, expect, it } from 'vitest'
import type { ContractState } from '../records/contract-state.ts'
import { calmWorld, datasetOf, acknowledge as left, type World } from '../rules/fixtures/world.ts'
import { acknowledge } from './acknowledge.ts'
import { deprecate } from './deprecate.ts'
import { freeze } from './freeze.ts'
import { release } from './release.ts'
import { retire } from './retire.ts'
import type { Step } from './step.ts'

function stateAfter(step: Step): ContractState {
  if (!step.ok) throw new Error(step.why.join('; '))
  return step.state
}

/** Why a step is refused; nothing where it is not. */
function refusals(step: Step): readonly string[] {
  return step.ok ? [] : step.why
}

function world(edit: (world: World) => void = () => {}): World {
  const made = calmWorld()
  edit(made)
  return made
}

const parts = (state: ContractState) => state.lock.datasets.dx_parts_v1

describe('freeze', () => {
  const draft = () =>
    world(({ lock }) => Object.assign(datasetOf({ lock }), { status: 'draft', frozen_in: null }))

  it('makes a draft active, and keeps its lock', () => {
    const state = stateAfter(freeze(draft(), 'dx_parts_v1', '0.5.0'))
    expect(parts(state)).toMatchObject({ status: 'active', frozen_in: '0.5.0' })
    const frozen = lockSchema.parse(JSON.parse(state.frozen['dx_parts_v1.json'] ?? ''))
    expect(frozen.datasets).toEqual({ dx_parts_v1: parts(state) })
  })

  it.each([
    ['what the lock does not have', 'dx_none_v1', '0.5.0', /the lock has no dx_none_v1/],
    ['what is no draft', 'dx_things_v2', '0.5.0', /is active, and no draft/],
    ['what would come with an old release', 'dx_parts_v1', '0.4.0', /0\.4\.0 is released/],
  ])('refuses %s', (_, name, id, why) => {
    expect(refusals(freeze(draft(), name, id))).toEqual([expect.stringMatching(why)])
  })
})

describe('deprecate', () => {
  const options = { successor: ['dx_things_v2'], release: '0.5.0', sunset: '2026-06-01' }
  const today = '2026-05-01'

  it('says when a version ends, and what takes its place', () => {
    const state = stateAfter(deprecate(world(), 'dx_parts_v1', options, today))
    expect(parts(state)).toMatchObject({
      status: 'deprecated',
      deprecation: {
        release: '0.5.0',
        date: today,
        successors: ['dx_things_v2'],
        sunset: '2026-06-01',
      },
    })
  })

  it.each([
    ['an unknown version', 'dx_none_v1', {}, /has no dx_none_v1/],
    [
      'a successor that is not there',
      'dx_parts_v1',
      { successor: ['dx_x_v2'] },
      /dx_x_v2; publish/,
    ],
    ['itself as successor', 'dx_parts_v1', { successor: ['dx_parts_v1'] }, /no active version/],
    ['a successor that ends, too', 'dx_parts_v1', { successor: ['dx_things_v1'] }, /no active/],
    ['an old release', 'dx_parts_v1', { release: '0.4.0' }, /0\.4\.0 is released/],
    ['a window of 29 days', 'dx_parts_v1', { sunset: '2026-05-30' }, /2026-05-31 at the earliest/],
    ['an earlier sunset', 'dx_things_v1', { sunset: '2026-04-14' }, /never moves earlier/],
  ])('refuses %s', (_, name, changed, why) => {
    const step = deprecate(world(), name, { ...options, ...changed }, today)
    expect(refusals(step)).toEqual([expect.stringMatching(why)])
  })

  it('refuses a version that has ended', () => {
    const ended = world((each) =>
      Object.assign(datasetOf(each), { status: 'retired', retired_on: today }),
    )
    expect(refusals(deprecate(ended, 'dx_parts_v1', options, today))).toEqual([
      'dx_parts_v1 is retired, and not active',
    ])
  })

  it('said again, it only moves the sunset, later', () => {
    const before = datasetOf(world(), 'dx_things_v1').deprecation
    const later = { ...options, sunset: '2026-09-01' }
    const state = stateAfter(deprecate(world(), 'dx_things_v1', later, today))
    expect(state.lock.datasets.dx_things_v1?.deprecation).toEqual({
      ...before,
      sunset: '2026-09-01',
    })
  })
})

describe('acknowledge', () => {
  const options = { consumer: 'dashboard', by: 'Ada', evidence: 'https://git/1' }

  it('notes who moved, when, and where it can be seen', () => {
    const state = stateAfter(acknowledge(world(), 'dx_things_v1', options, '2026-04-01'))
    expect(state.consumers[0]?.acknowledged).toEqual([
      { dataset: 'dx_things_v1', date: '2026-04-01', by: 'Ada', evidence: 'https://git/1' },
    ])
  })

  it.each([
    ['a version that does not end', 'dx_parts_v1', {}, /only a deprecated one/],
    ['a consumer that nobody knows', 'dx_things_v1', { consumer: 'x' }, /no consumers\/x\.json/],
    ['no evidence', 'dx_things_v1', { evidence: ' ' }, /where it can be seen/],
    ['nobody', 'dx_things_v1', { by: '' }, /who says so/],
  ])('refuses %s', (_, name, changed, why) => {
    const step = acknowledge(world(), name, { ...options, ...changed }, '2026-04-01')
    expect(refusals(step)).toEqual([expect.stringMatching(why)])
  })

  it('refuses who does not read it, and who has said it already', () => {
    const elsewhere = world(({ consumers }) =>
      Object.assign(consumers[0] ?? {}, { reads: ['dx_parts_v1'] }),
    )
    expect(refusals(acknowledge(elsewhere, 'dx_things_v1', options, '2026-04-01'))).toEqual([
      'dashboard does not read dx_things_v1',
    ])
    expect(refusals(acknowledge(world(left), 'dx_things_v1', options, '2026-04-01'))).toEqual([
      'dashboard has acknowledged dx_things_v1 already',
    ])
  })
})

describe('retire', () => {
  const quiet = { read_at: '2026-01-05T00:00:00Z', watched_since: '2026-01-01T00:00:00Z' }
  /** On a day on which HQ has said that nobody has read it for long. */
  const retireOn = (state: World, name: string, day: string) =>
    retire(
      state,
      name,
      { versions: [{ dataset: name, ...quiet, looked_at: `${day}T00:00:00Z` }] },
      day,
    )

  it('ends a version from the day on from which nothing speaks against it', () => {
    expect(refusals(retireOn(world(left), 'dx_things_v1', '2026-04-14'))).not.toEqual([])
    const state = stateAfter(retireOn(world(left), 'dx_things_v1', '2026-04-15'))
    expect(state.lock.datasets.dx_things_v1).toMatchObject({
      status: 'retired',
      retired_on: '2026-04-15',
      last_read: { looked_on: '2026-04-15', watched_since: '2026-01-01', read_on: '2026-01-05' },
    })
  })

  it.each<[string, (world: World) => void, string, RegExp]>([
    ['a consumer that has not acknowledged', () => {}, '2026-05-01', /dashboard has not ack/],
    [
      'a version that nobody is known to read',
      ({ consumers }) => consumers.pop(),
      '2026-05-01',
      /no consumer is known/,
    ],
    ['a sunset that is to come', left, '2026-04-14', /sunset 2026-04-15/],
    [
      'fewer than two releases since',
      (each) => {
        left(each)
        each.releases.pop()
      },
      '2026-05-01',
      /1 of 2 releases after 0\.2\.0/,
    ],
    [
      'fewer than 30 days since, whatever the sunset says',
      (each) => {
        left(each)
        const told = { date: '2026-02-20', sunset: '2026-03-01' }
        Object.assign(datasetOf(each, 'dx_things_v1').deprecation ?? {}, told)
        for (const made of each.releases.slice(2)) made.date = '2026-02-21'
      },
      '2026-03-21',
      /30 days from 2026-02-20 end on 2026-03-22/,
    ],
  ])('refuses %s', (_, edit, day, why) => {
    expect(refusals(retireOn(world(edit), 'dx_things_v1', day))).toEqual([
      expect.stringMatching(why),
    ])
  })

  it('refuses what was never deprecated, and says all that is missing at once', () => {
    expect(refusals(retireOn(world(), 'dx_parts_v1', '2026-05-01'))).toEqual([
      'dx_parts_v1 is active; only a deprecated one is retired',
    ])
    expect(refusals(retireOn(world(), 'dx_things_v1', '2026-02-02'))).toHaveLength(4)
  })

  it('refuses what somebody reads, and what HQ says nothing of', () => {
    const read = [{ dataset: 'dx_things_v1', ...quiet, looked_at: '2026-05-01T00:00:00Z' }]
    const versions = read.map((version) => ({ ...version, read_at: '2026-04-30T23:59:59Z' }))
    expect(refusals(retire(world(left), 'dx_things_v1', { versions }, '2026-05-01'))).toEqual([
      expect.stringMatching(/RETIRE_REQUIRES_NO_READER.*read on 2026-04-30/),
    ])
    expect(refusals(retire(world(left), 'dx_things_v1', { versions: [] }, '2026-05-01'))).toEqual([
      expect.stringMatching(/nobody has looked/),
    ])
  })
})

describe('release', () => {
  it('appends, and freezes the lock', () => {
    const before = world()
    const state = stateAfter(release(before, '0.10.0', '2026-05-01'))
    expect(state.releases.slice(0, -1)).toEqual(before.releases)
    expect(state.releases.at(-1)).toMatchObject({ id: '0.10.0', date: '2026-05-01' })
    expect(lockSchema.parse(JSON.parse(state.frozen['0.10.0.json'] ?? ''))).toEqual(before.lock)
  })

  it.each([
    ['what has been released', '0.4.0', '2026-05-01', /already/],
    ['an earlier one', '0.3.9', '2026-05-01', /not after 0\.4\.0/],
    ['an earlier day', '0.5.0', '2026-03-31', /released on 2026-04-01/],
  ])('refuses %s', (_, id, day, why) => {
    expect(refusals(release(world(), id, day))).toEqual([expect.stringMatching(why)])
  })
})
