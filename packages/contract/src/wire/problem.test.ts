import { describe, expect, it } from 'vitest'
import { PROBLEMS, type ProblemCode, problemSchema, problemType } from './problem.ts'

const codes = Object.keys(PROBLEMS) as ProblemCode[]

describe('the refusals', () => {
  it('cover every status of the design, and no other', () => {
    const statuses = new Set(codes.map((code) => PROBLEMS[code].status))
    expect([...statuses].sort()).toEqual([
      400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 429, 431, 500, 503,
    ])
  })

  it('are told apart by title as well as by code', () => {
    expect(new Set(codes.map((code) => PROBLEMS[code].title)).size).toBe(codes.length)
  })

  // Design 5, "Relay's reaction".
  it.each(codes.map((code) => [code, PROBLEMS[code].status, PROBLEMS[code].reaction] as const))(
    '%s (%i): %s',
    (code, status, reaction) => {
      // What HQ cannot write, or read, in time as a whole, it may in parts.
      const expected =
        status === 413 || code === 'not_in_time' || code === 'not_read_in_time'
          ? 'split'
          : status === 410
            ? 'set_aside'
            : status === 408 || status === 409 || status === 429 || status >= 500
              ? 'retry'
              : 'halt'
      expect(reaction).toBe(expected)
    },
  )

  it.each(codes)('%s makes a problem that the schema reads', (code) => {
    const { status, title } = PROBLEMS[code]
    const problem = { type: problemType(code), title, status, code }
    expect(problemSchema.parse({ ...problem, extension: 1 })).toEqual(problem)
  })

  it('refer to a page of the gateway', () => {
    expect(problemType('in_flight')).toBe('/problems/in_flight')
  })
})
