import { canonicalJson, type LastRead } from '@hq-export/contract'
import { describe, expect, it } from 'vitest'
import {
  acknowledge,
  addColumn,
  calmWorld,
  columnOf,
  datasetOf,
  judged,
  TODAY,
  type World,
  waive,
} from './fixtures/world.ts'
import { judge } from './judge.ts'
import { RULES, type RuleId } from './rules.ts'

/** A change that the rule must find, and the nearest one that it must let be. */
interface Fixture {
  readonly breaks: (world: World) => void
  readonly passes: (world: World) => void
}

const nothing = () => {}
const things = (world: World) => datasetOf(world, 'dx_things_v1')

function retire(world: World, day: string): void {
  const dataset = things(world)
  dataset.status = 'retired'
  dataset.retired_on = day
  dataset.last_read = { looked_on: day, watched_since: '2026-03-01', read_on: '2026-04-01' }
}

function rename(world: World, name: string, now: string): void {
  columnOf(world, name).name = now
}

// Of the type, so that no rule is without.
const FIXTURES: Record<RuleId, Fixture> = {
  DATASET_NO_DELETE: {
    breaks: ({ lock }) => delete lock.datasets.dx_parts_v1,
    passes: ({ lock }) => {
      lock.datasets.dx_other_v1 = { ...datasetOf({ lock }), status: 'draft', number: 9 }
    },
  },
  DATASET_SAME_NUMBER: {
    breaks: (world) => {
      datasetOf(world).number = 4
    },
    passes: nothing,
  },
  COLUMN_NO_DELETE: {
    breaks: (world) => datasetOf(world).columns.pop(),
    passes: (world) => addColumn(world),
  },
  COLUMN_NO_RENAME: {
    breaks: (world) => rename(world, 'note', 'remark'),
    passes: (world) => addColumn(world, { name: 'remark' }),
  },
  COLUMN_SAME_ORDINAL: {
    breaks: (world) => {
      columnOf(world, 'note').ordinal = 6
      columnOf(world, 'record_version').ordinal = 5
    },
    passes: nothing,
  },
  COLUMN_SAME_PHYSICAL_TYPE: {
    breaks: (world) =>
      Object.assign(columnOf(world, 'record_version'), { type: 'numeric', wire: 'decimal string' }),
    passes: (world) => addColumn(world, { type: 'numeric', wire: 'decimal string' }),
  },
  COLUMN_SAME_WIRE: {
    breaks: (world) => {
      columnOf(world, 'note').wire = 'reference string'
    },
    passes: (world) => addColumn(world, { wire: 'reference string' }),
  },
  COLUMN_NULLABILITY_SAME: {
    breaks: (world) => {
      columnOf(world, 'kind').nullable = true
    },
    passes: nothing,
  },
  NEW_COLUMN_MUST_BE_NULLABLE: {
    breaks: (world) => addColumn(world, { nullable: false }),
    passes: (world) => addColumn(world),
  },
  NEW_COLUMN_MUST_BE_LAST: {
    breaks: (world) => addColumn(world, { ordinal: 7 }),
    passes: (world) => addColumn(world),
  },
  NEW_COLUMN_HAS_SINCE: {
    breaks: (world) => addColumn(world, { since: null }),
    passes: (world) => addColumn(world, { since: '0.5.0' }),
  },
  ENUM_VALUE_NO_DELETE: {
    breaks: (world) => columnOf(world, 'kind').values?.pop(),
    passes: (world) => columnOf(world, 'kind').values?.reverse(),
  },
  ENUM_VALUE_NO_ADD: {
    breaks: (world) => columnOf(world, 'kind').values?.push('huge'),
    passes: (world) => addColumn(world, { values: ['huge'] }),
  },
  PK_SAME: {
    breaks: (world) => datasetOf(world).primary_key.reverse(),
    passes: nothing,
  },
  UNIQUE_SAME: {
    breaks: (world) => {
      datasetOf(world).uniqueness_guard = null
    },
    passes: nothing,
  },
  LINK_NO_DELETE: {
    breaks: (world) => {
      datasetOf(world, 'dx_things_v2').links = []
    },
    passes: (world) =>
      datasetOf(world).links.push({ columns: ['org_id', 'thing_id'], to: 'dx_things_v2' }),
  },
  SEMANTICS_SAME: {
    breaks: (world) => {
      datasetOf(world).semantics = 'append'
    },
    passes: nothing,
  },
  VERSION_COLUMN_SAME: {
    breaks: (world) => {
      datasetOf(world).version_column = null
    },
    passes: nothing,
  },
  VERSION_LITERAL_SAME: {
    breaks: ({ lock }) => {
      lock.datasets.dx_new_v2 = { ...datasetOf({ lock }), status: 'draft' }
    },
    passes: ({ lock }) => {
      lock.datasets.dx_new_v1 = { ...datasetOf({ lock }), status: 'draft' }
    },
  },
  TENANCY_COLUMNS_PRESENT: {
    breaks: ({ lock }) => {
      const parts = datasetOf({ lock })
      const columns = parts.columns.filter(({ name }) => name !== 'org_id')
      lock.datasets.dx_new_v1 = { ...parts, status: 'draft', columns }
    },
    passes: ({ lock }) => {
      lock.datasets.dx_new_v1 = { ...datasetOf({ lock }), status: 'draft' }
    },
  },
  CHECKSUM_SPEC_APPEND_ONLY: {
    breaks: (world) => datasetOf(world).checksums.shift(),
    passes: (world) =>
      datasetOf(world).checksums.push({ algorithm: 'DXC-3', id: '0', columns: ['org_id'] }),
  },
  RESERVED_NO_REUSE: {
    // The first version's `note`, which the second has no more.
    breaks: (world) => {
      const things = datasetOf(world, 'dx_things_v2')
      things.columns.push({ ...columnOf(world, 'note'), ordinal: 8, since: '0.5.0' })
    },
    passes: (world) => {
      const things = datasetOf(world, 'dx_things_v2')
      const column = { ...columnOf(world, 'note'), name: 'note_text', ordinal: 8, since: '0.5.0' }
      things.columns.push(column)
    },
  },
  SECRET_NAME_FORBIDDEN: {
    breaks: (world) => addColumn(world, { name: 'provider_api_key' }),
    passes: (world) => addColumn(world, { name: 'tokenizer' }),
  },
  SLA_NO_LOOSEN: {
    breaks: (world) => {
      datasetOf(world).sla.micro_batch_minutes = [5, 30]
    },
    passes: (world) => {
      datasetOf(world).sla.micro_batch_minutes = [5, 10]
    },
  },
  QUALITY_NO_LOOSEN: {
    breaks: (world) => datasetOf(world).quality.shift(),
    passes: (world) => {
      for (const rule of datasetOf(world).quality) rule.at_most_percent = 4
    },
  },
  PARTITION_SAME: {
    breaks: (world) => {
      datasetOf(world).time_column = 'created_at'
    },
    passes: nothing,
  },
  PII_ADDED: {
    breaks: (world) => addColumn(world, { personal: true }),
    passes: (world) => addColumn(world),
  },
  DESCRIPTION_CHANGED: {
    breaks: (world) => {
      columnOf(world, 'note').description = 'a remark'
    },
    passes: nothing,
  },
  COLUMN_DEPRECATED: {
    breaks: (world) => {
      columnOf(world, 'note').deprecated = '0.5.0'
    },
    passes: (world) => addColumn(world, { deprecated: null }),
  },
  STATUS_NO_RETURN: {
    breaks: (world) => {
      datasetOf(world).status = 'draft'
    },
    passes: (world) => {
      const deprecation = { ...things(world).deprecation, successors: ['dx_things_v2'] }
      Object.assign(datasetOf(world), { status: 'deprecated', deprecation })
    },
  },
  DEPRECATION_REQUIRES_SUCCESSOR: {
    breaks: (world) => {
      const deprecation = { ...things(world).deprecation, successors: [] }
      Object.assign(datasetOf(world), { status: 'deprecated', deprecation })
    },
    passes: (world) => {
      const deprecation = { ...things(world).deprecation, successors: ['dx_things_v2'] }
      Object.assign(datasetOf(world), { status: 'deprecated', deprecation })
    },
  },
  DUAL_PUBLISH_REQUIRED: {
    breaks: (world) => {
      world.lock.datasets.dx_new_v1 = { ...datasetOf(world), status: 'draft', number: 9 }
      const deprecation = { ...things(world).deprecation, successors: ['dx_new_v1'] }
      Object.assign(datasetOf(world), { status: 'deprecated', deprecation })
    },
    passes: (world) => {
      acknowledge(world)
      retire(world, TODAY)
    },
  },
  DEPRECATION_SAME: {
    breaks: (world) => Object.assign(things(world).deprecation ?? {}, { date: '2026-01-01' }),
    passes: nothing,
  },
  SUNSET_NO_EARLIER: {
    breaks: (world) => Object.assign(things(world).deprecation ?? {}, { sunset: '2026-04-14' }),
    passes: (world) => Object.assign(things(world).deprecation ?? {}, { sunset: '2026-04-16' }),
  },
  RETIRE_REQUIRES_WINDOW: {
    breaks: (world) => {
      acknowledge(world)
      retire(world, '2026-04-14')
    },
    passes: (world) => {
      acknowledge(world)
      retire(world, '2026-04-15')
    },
  },
  RETIRE_REQUIRES_CONSUMER_ACK: {
    breaks: (world) => retire(world, TODAY),
    passes: (world) => {
      acknowledge(world)
      retire(world, TODAY)
    },
  },
  RETIRE_REQUIRES_NO_READER: {
    breaks: (world) => {
      acknowledge(world)
      retire(world, TODAY)
      Object.assign(things(world).last_read ?? {}, { read_on: '2026-04-25' })
    },
    passes: (world) => {
      acknowledge(world)
      retire(world, TODAY)
      Object.assign(things(world).last_read ?? {}, { read_on: '2026-04-24' })
    },
  },
  CONSUMER_NO_DELETE: {
    breaks: (world) => world.consumers.pop(),
    passes: (world) =>
      world.consumers.push({ name: 'report', owner: 'Sales', reads: [], acknowledged: [] }),
  },
  RELEASES_APPEND_ONLY: {
    breaks: ({ releases }) => Object.assign(releases[3] ?? {}, { date: '2026-04-02' }),
    passes: (world) => {
      const [first] = world.releases
      if (first === undefined) throw new RangeError('no release')
      world.releases.push({ ...first, id: '0.5.0', date: TODAY })
      world.frozen['0.5.0.json'] = world.frozen['0.1.0.json'] ?? ''
    },
  },
  FROZEN_LOCK_SAME: {
    breaks: ({ frozen }) => {
      frozen['0.4.0.json'] += '\n'
    },
    passes: (world) => {
      world.frozen['dx_things_v2.json'] = canonicalJson(world.lock)
    },
  },
  WAIVER_UNUSED: {
    breaks: ({ waivers }) =>
      waivers.push({
        fingerprint: '0123456789ab',
        rule: 'PK_SAME',
        reason: 'of another time',
        expires: TODAY,
      }),
    passes: (world) => {
      datasetOf(world).primary_key.reverse()
      waive(world, TODAY)
    },
  },
  WAIVER_EXPIRED: {
    // A warning, so that nothing else fails.
    breaks: (world) => {
      addColumn(world, { personal: true })
      waive(world, '2026-04-30')
    },
    passes: (world) => {
      addColumn(world, { personal: true })
      waive(world, TODAY)
    },
  },
}

const change = (edit: (world: World) => void) => {
  const world = calmWorld()
  edit(world)
  return judged(world)
}

it('a working tree that is as main was has nothing to be said of', () => {
  expect(change(nothing)).toEqual([])
})

describe.each(Object.entries(FIXTURES) as [RuleId, Fixture][])('%s', (rule, fixture) => {
  it('finds what it is for, and no other rule of its severity does', () => {
    const found = change(fixture.breaks).filter(
      (finding) => RULES[finding.rule].severity === RULES[rule].severity,
    )
    expect(new Set(found.map((finding) => finding.rule))).toEqual(new Set([rule]))
    expect(found[0]?.waived).toBeUndefined()
  })

  it('lets its neighbour pass', () => {
    const found = change(fixture.passes)
    expect(found.map((finding) => finding.rule)).not.toContain(rule)
    const errors = found.filter(
      (finding) => RULES[finding.rule].severity === 'error' && finding.waived === undefined,
    )
    expect(errors).toEqual([])
  })
})

it('a deprecated version without its descriptor is not published beside its successor', () => {
  const found = change(({ lock }) => delete lock.datasets.dx_things_v1)
  expect(found.map(({ rule, before }) => [rule, before])).toEqual([
    ['DUAL_PUBLISH_REQUIRED', 'deprecated'],
    ['DATASET_NO_DELETE', 'active'],
  ])
})

describe('a lock that was edited with the descriptor', () => {
  it('hides nothing: what counts is what was frozen, too', () => {
    const world = calmWorld()
    columnOf(world, 'kind').nullable = true
    const found = judged({ ...world, releases: [...world.releases] })
    expect(found.map(({ rule, against }) => [rule, against])).toEqual([
      ['COLUMN_NULLABILITY_SAME', 'main'],
    ])
  })

  it('is found by the frozen locks where main has lost it', () => {
    const world = calmWorld()
    columnOf(world, 'kind').nullable = true
    const { waivers, ...now } = world
    const found = judge({ now, before: { name: 'main', state: now }, waivers, today: TODAY })
    expect(found.map(({ rule, against }) => [rule, against])).toEqual([
      ['COLUMN_NULLABILITY_SAME', 'locks/0.1.0.json'],
    ])
  })
})

describe('deprecation windows', () => {
  const retired = (edit: (world: World) => void) =>
    change((world) => {
      acknowledge(world)
      retire(world, TODAY)
      edit(world)
    })
      .filter(({ rule }) => rule === 'RETIRE_REQUIRES_WINDOW')
      .map(({ before }) => before)

  it('count releases after the one that said so, and not before it was said', () => {
    const later = (world: World) => {
      Object.assign(things(world).deprecation ?? {}, { release: '0.3.0' })
    }
    expect(retired(later)).toEqual(['1 of 2 releases after 0.3.0'])
    const backdated = (world: World) =>
      Object.assign(things(world).deprecation ?? {}, { release: '0.1.0', date: '2026-03-15' })
    expect(retired(backdated)).toEqual(['1 of 2 releases after 0.1.0'])
  })

  it('last 30 days, however fast releases follow', () => {
    const quick = (world: World) =>
      Object.assign(things(world).deprecation ?? {}, { date: '2026-04-05', sunset: '2026-04-15' })
    expect(retired(quick)).toContain('30 days from 2026-04-05 end on 2026-05-05')
  })
})

describe('readers of a version that ends', () => {
  const against = (lastRead: LastRead | null) =>
    change((world) => {
      acknowledge(world)
      retire(world, TODAY)
      things(world).last_read = lastRead
    })
      .filter(({ rule }) => rule === 'RETIRE_REQUIRES_NO_READER')
      .map(({ before }) => before)
  const quiet = { looked_on: TODAY, watched_since: '2026-04-24', read_on: null }

  it('are looked for, within a week of it, and for a week', () => {
    expect(against(quiet)).toEqual([])
    expect(against(null)).toEqual(['nobody has looked who reads it'])
    const earlier = { looked_on: '2026-04-23', watched_since: '2026-01-01' }
    expect(against({ ...quiet, ...earlier })).toEqual(['looked at on 2026-04-23'])
    expect(against({ ...quiet, looked_on: '2026-05-02' })).toEqual(['looked at on 2026-05-02'])
    expect(against({ ...quiet, watched_since: '2026-04-25' })).toEqual([
      'watched since 2026-04-25 only',
    ])
    expect(against({ ...quiet, read_on: '2026-04-25' })).toEqual(['read on 2026-04-25'])
  })
})
