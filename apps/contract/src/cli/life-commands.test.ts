import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Dataset, datasetByName } from '@hq-export/contract'
import { expect, test } from 'vitest'
import {
  commitAll,
  git,
  ScratchFolder,
  startRepository,
} from '../check/fixtures/scratch-repository.ts'
import { CONSUMERS_FOLDER } from '../repository/contract-files.ts'
import { readState } from '../repository/read-state.ts'
import { WorkingTree } from '../repository/working-tree.ts'
import { descriptor } from '../rules/fixtures/world.ts'
import { createContractProgram } from './command-line.ts'

const V1 = descriptor('dx_things_v1', 1)
const V2 = descriptor('dx_things_v2', 2, 'remark')

/** A file with what HQ says of the readers of a version, of which it has seen none, on a day. */
function quietReaders(folder: string, dataset: string, day: string): string {
  const path = join(folder, 'readers.json')
  const at = `${day}T00:00:00Z`
  const version = { dataset, read_at: null, watched_since: '2026-01-01T00:00:00Z', looked_at: at }
  writeFileSync(path, JSON.stringify({ versions: [version], readers: [], unseen: [] }))
  return path
}

/** A repository whose commands run as on a day, with these descriptors. */
class Repository {
  readonly tree: WorkingTree
  datasets: readonly Dataset[] = [V1]
  day = '2026-01-01'

  constructor(folder: string) {
    this.tree = new WorkingTree(folder)
  }

  async run(...args: string[]): Promise<{ status: number; text: string }> {
    let text = ''
    const write = (more: string) => {
      text += more
    }
    const program = createContractProgram(
      { read: () => '', write: () => {} },
      {
        tree: this.tree,
        datasets: this.datasets,
        readOpenApi: () => '{"openapi":"3.1.0"}',
        today: () => this.day,
      },
      { out: write, err: write },
    )
    return { status: await program.run(args), text }
  }

  /** Runs a command that is allowed, and merges what it changed: the check finds nothing. */
  async merge(...args: string[]): Promise<void> {
    expect(await this.run(...args)).toMatchObject({ status: 0 })
    commitAll(this.tree.root, args.join(' '))
    expect(await this.run('check')).toMatchObject({
      status: 0,
      text: expect.stringContaining('nothing breaks'),
    })
  }

  get lives(): Record<string, string> {
    const { datasets } = readState(this.tree).lock
    return Object.fromEntries(Object.entries(datasets).map(([name, { status }]) => [name, status]))
  }
}

test('a version lives from draft to retired, each step refused until its time, each merge checked', async () => {
  using folder = new ScratchFolder()
  startRepository(folder.path, [V1], { isReleased: true })
  const repository = new Repository(folder.path)
  repository.tree.write(
    `${CONSUMERS_FOLDER}/dashboard.json`,
    '{"name":"dashboard","owner":"Sales","reads":["dx_things_v1"],"acknowledged":[]}',
  )
  commitAll(folder.path, 'a consumer')

  const deprecate = ['deprecate', 'dx_things_v1', '--successor', 'dx_things_v2']
  const saying = [...deprecate, '--release', '0.2.0', '--sunset', '2026-03-15']
  expect(await repository.run(...saying)).toMatchObject({ status: 3 })

  repository.datasets = [V1, V2]
  await repository.merge('generate')
  expect(repository.lives).toEqual({ dx_things_v1: 'active', dx_things_v2: 'draft' })
  await repository.merge('freeze', 'dx_things_v2', '--release', '0.2.0')
  repository.day = '2026-02-01'
  await repository.merge(...saying)
  await repository.merge('release', '0.2.0')
  expect(repository.lives).toEqual({ dx_things_v1: 'deprecated', dx_things_v2: 'active' })

  const earlier = [...deprecate, '--release', '0.2.0', '--sunset', '2026-03-14']
  expect(await repository.run(...earlier)).toEqual({
    status: 3,
    text: 'refused: consumers were told 2026-03-15; the sunset never moves earlier\n',
  })
  using elsewhere = new ScratchFolder()
  const readers = (day: string) => quietReaders(elsewhere.path, 'dx_things_v1', day)
  const retire = async (day: string) =>
    repository.run('retire', 'dx_things_v1', '--as-of', day, '--readers', readers(day))
  const early = await retire('2026-02-02')
  expect(early.status).toBe(3)
  expect(early.text.match(/^refused: RETIRE_REQUIRES_WINDOW/gm)).toHaveLength(3)
  expect(early.text.match(/^refused: RETIRE_REQUIRES_CONSUMER_ACK/gm)).toHaveLength(1)

  // Its descriptor may not go yet.
  repository.datasets = [V2]
  expect(await repository.run('check')).toMatchObject({ status: 1 })
  repository.datasets = [V1, V2]

  repository.day = '2026-02-20'
  await repository.merge('release', '0.3.0')
  await repository.merge('release', '0.4.0')
  expect((await retire('2026-03-14')).text).toContain('sunset 2026-03-15')
  expect((await retire('2026-03-15')).text).toContain('dashboard has not acknowledged')
  const said = ['--consumer', 'dashboard', '--by', 'Ada', '--evidence', 'https://git/1']
  await repository.merge('acknowledge', 'dx_things_v1', ...said)
  repository.day = '2026-03-15'
  await repository.merge('retire', 'dx_things_v1', '--readers', readers(repository.day))

  repository.datasets = [V2]
  await repository.merge('generate')
  expect(repository.lives).toEqual({ dx_things_v1: 'retired', dx_things_v2: 'active' })
  // No history is needed to say what became of it.
  expect(await repository.run('diff', '0.1.0', '0.4.0')).toMatchObject({ status: 0 })
})

test('"Publish v2 of a dataset" of CONTRIBUTING.md does what it says, on its days', async () => {
  using folder = new ScratchFolder()
  using elsewhere = new ScratchFolder()
  const person = datasetByName('dx_person_entities_v1')
  const columns = person.columns.map((column) =>
    column.name === 'export_schema_version' ? { ...column, values: ['v2'] } : column,
  )
  const v2: Dataset = {
    ...descriptor('dx_person_entities_v2', 6),
    columns: columns.filter(({ name }) => name !== 'title'),
    primaryKey: person.primaryKey,
  }
  startRepository(folder.path, [person], { isReleased: true })
  const repository = new Repository(folder.path)
  repository.datasets = [person, v2]
  repository.tree.write(
    `${CONSUMERS_FOLDER}/hq-readers.json`,
    `{"name":"hq-readers","owner":"HQ","reads":["${person.name}"],"acknowledged":[]}`,
  )
  commitAll(folder.path, 'a consumer')

  const contributing = readFileSync(new URL('../../../../CONTRIBUTING.md', import.meta.url), 'utf8')
  const [, section = ''] = contributing.split('## Publish `v2` of a dataset\n')
  const [own = ''] = section.split(/^## /m)
  const commands = Array.from(own.matchAll(/^ *npm run contract -- (.+)$/gm), ([, line = '']) =>
    line.split(' '),
  )
  const days = { release: '2026-12-01', deprecate: '2027-01-15', retire: '2027-03-01' }
  for (const args of commands) {
    repository.day = (days as Record<string, string>)[args[0] ?? ''] ?? repository.day
    // Releases go on after the news.
    if (args[0] === 'release' && repository.lives[person.name] === 'deprecated') {
      repository.day = '2027-02-01'
    }
    const file = () => quietReaders(elsewhere.path, person.name, repository.day)
    await repository.merge(...args.map((arg) => (arg === 'readers.json' ? file() : arg)))
  }
  expect(repository.lives).toEqual({ [person.name]: 'retired', [v2.name]: 'active' })
  const { lock } = readState(repository.tree)
  expect(lock.datasets[v2.name]?.reserved).toEqual([
    { name: 'title', type: 'text', last_in: person.name },
  ])
})

test('diff compares releases and commits, and says what breaks', async () => {
  using folder = new ScratchFolder()
  startRepository(folder.path, [V1], { isReleased: true })
  const repository = new Repository(folder.path)
  repository.datasets = [{ ...V1, columns: V1.columns.slice(0, -1) }]
  await repository.run('generate')
  git(folder.path, 'switch', '-qc', 'work')
  commitAll(folder.path, 'drop a column')
  const { status, text } = await repository.run('diff', '0.1.0', 'work')
  expect(status).toBe(1)
  expect(text).toContain('error COLUMN_NO_DELETE')
  expect(await repository.run('diff', 'main', 'main')).toMatchObject({ status: 0 })
  expect(await repository.run('diff', '0.1.0', 'nowhere')).toMatchObject({
    status: 2,
    text: expect.stringMatching(/^contract: git knows no commit nowhere/),
  })
})

test('what a command is given must be a day or a release', async () => {
  using folder = new ScratchFolder()
  const repository = new Repository(folder.path)
  for (const args of [
    ['check', '--as-of', 'tomorrow'],
    ['check', '--format', 'html'],
    ['check', '--json', '--format', 'junit'],
    ['check', '--against', 'main', '--frozen-only'],
    ['release', 'v1'],
    ['freeze', 'dx_things_v1'],
    ['deprecate', 'dx_things_v1', '--release', '0.2.0', '--sunset', '2026-03-15'],
    ['retire', 'dx_things_v1'],
    ['retire', 'dx_things_v1', '--readers', `${folder.path}/none.json`],
  ]) {
    expect(await repository.run(...args), args.join(' ')).toMatchObject({ status: 2 })
  }
})
