import { expect, test } from 'vitest'
import { OperatorError } from '../operator-error.ts'
import { printJson } from '../table.ts'
import { explain } from './explain.ts'
import { assertOneWay, parseId, withChange, withNote } from './options.ts'
import { Program } from './program.ts'

const FAULTS = {
  database: { name: 'HQ', variable: 'HQ_DATABASE_URL', role: 'writer' },
  portSettings: 'PORT',
  examine: 'npm run app -- status',
}

/** A program with one command, `work`, that does `action`; what it wrote and exited with. */
async function run(args: readonly string[], action: (program: Program) => void = () => {}) {
  const written = { out: '', err: '' }
  const program = new Program(
    {
      name: 'app',
      description: 'An app.',
      call: 'npm run app --',
      explain: (error) => explain(error, FAULTS),
    },
    {
      out: (text) => {
        written.out += text
      },
      err: (text) => {
        written.err += text
      },
    },
  )
  withNote(withChange(program.command.command('work'))).action(() => action(program))
  return { status: await program.run(args), ...written }
}

const WORK = ['work', '--note', 'x']

test('bad usage is one line with what is wrong and where to read on, and status 2', async () => {
  for (const [args, problem] of [
    [['wrok'], "unknown command 'wrok' (Did you mean work?)"],
    [[...WORK, '--nonsense'], "unknown option '--nonsense'"],
    [['work'], "required option '--note <text>' not specified"],
    [[...WORK, '--id', '0'], "option '--id <id...>' argument '0' is invalid. must be an id"],
  ] as const) {
    const { status, out, err } = await run(args)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toContain(`app: ${problem}`)
    expect(err).toMatch(/^[^\n]*; see: npm run app -- --help\n$/)
  }
})

test('help is status 0, and tells what the status means', async () => {
  const { status, out } = await run(['--help'])
  expect(status).toBe(0)
  expect(out).toMatch(/0 good, 1 found something wrong, 2 could not tell or bad usage/)
})

test('what was printed says that something is wrong: status 1', async () => {
  const ended = await run(WORK, ({ print, exitFailed }) => {
    print('one is wrong')
    exitFailed()
  })
  expect(ended).toEqual({ status: 1, out: 'one is wrong\n', err: '' })
})

test('a fault that the operator can mend is said as it was written for them', async () => {
  const ended = await run(WORK, () => {
    throw new OperatorError('HQ lacks 0001; run: npm run app -- migrate')
  })
  expect(ended).toEqual({
    status: 2,
    out: '',
    err: 'app: HQ lacks 0001; run: npm run app -- migrate\n',
  })
})

test.each([
  [
    Object.assign(new Error('listen'), { code: 'EADDRINUSE', address: '::1', port: 80 }),
    /^app: ::1:80 is taken by another process; set PORT\n$/,
  ],
  [
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
    /^app: HQ does not answer: connect; start it, or correct HQ_DATABASE_URL\n$/,
  ],
  // JavaScript quotes in these what it was given.
  [new SyntaxError('hunter2'), /^app: SyntaxError; this may be a defect: .*\n {4}at /],
  ['hunter2', /^app: something that is no error was thrown; report it\n$/],
])('any other is explained, and quotes no value: %s', async (error, text) => {
  const { status, err } = await run(WORK, () => {
    throw error
  })
  expect(status).toBe(2)
  expect(err).toMatch(text)
  expect(err).not.toContain('hunter2')
})

test('what a command is about is said in exactly one way', () => {
  const filters = { dataset: undefined, reason: undefined }
  expect(() => assertOneWay({ id: ['1'] }, filters)).not.toThrow()
  expect(() => assertOneWay({ all: true }, filters)).not.toThrow()
  expect(() => assertOneWay({}, { ...filters, reason: 'x' })).not.toThrow()
  for (const [options, given] of [
    [{}, {}],
    [{ all: true }, { reason: 'x' }],
    [{ id: ['1'] }, { reason: 'x' }],
    [{ id: ['1'], all: true }, {}],
  ] as const) {
    expect(() => assertOneWay(options, { ...filters, ...given })).toThrow(
      'say which: by --id, by filters (--dataset, --reason), or with --all',
    )
  }
})

test('an id is one that int8 has', () => {
  expect(parseId('999999999999999999')).toBe('999999999999999999')
  for (const text of ['', '0', '-1', '1.0', '1e3', '9999999999999999999'])
    expect(() => parseId(text)).toThrow('must be an id, as list shows it')
})

test('JSON is one line whose names are in snake_case, and whose values are as they were', () => {
  expect(printJson([{ lastSeenAt: 'aB', deep: { notReplayable: [null, 'cD'] } }])).toBe(
    '[{"last_seen_at":"aB","deep":{"not_replayable":[null,"cD"]}}]',
  )
})
