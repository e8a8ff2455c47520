import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Dataset } from '../datasets/dataset.ts'
import { DATASETS } from '../datasets/datasets.ts'
import { gatewayRowSchema, producerRowSchema } from '../rows/row-schema.ts'
import { rowProblem } from './row-problem.ts'

function problemOf(schema: z.ZodType, row: Record<string, unknown>) {
  const { error } = schema.safeParse(row)
  if (error === undefined) throw new Error('the row was accepted')
  return rowProblem(error, row)
}

// Every type, nullable so that a case can hold one defect and null elsewhere.
const dataset: Dataset = {
  ...DATASETS[0],
  columns: [
    { name: 'text', type: 'text', nullable: true, description: '' },
    { name: 'uuid', type: 'uuid', nullable: true, description: '' },
    { name: 'int4', type: 'int4', nullable: true, description: '' },
    { name: 'int8', type: 'int8', nullable: true, description: '' },
    { name: 'numeric', type: 'numeric', nullable: true, description: '' },
    { name: 'boolean', type: 'boolean', nullable: true, description: '' },
    { name: 'timestamptz', type: 'timestamptz', nullable: true, description: '' },
    { name: 'jsonb', type: 'jsonb', nullable: true, description: '' },
    { name: 'closed', type: 'text', nullable: true, values: ['a', 'b'], description: '' },
    { name: 'required', type: 'text', nullable: false, description: '' },
  ],
}

const emptyRow = {
  ...Object.fromEntries(dataset.columns.map((column) => [column.name, null])),
  required: 'x',
}

describe('the problem of a row', () => {
  it.each([
    ['text', 1, 'invalid_type', 'text must be a JSON string'],
    ['uuid', 'SECRET', 'invalid_value', 'uuid must be a uuid'],
    ['int4', 'SECRET', 'invalid_type', 'int4 must be a JSON number'],
    ['int4', 1.5, 'invalid_value', 'int4 must be a whole number'],
    ['int4', 2 ** 31, 'invalid_value', 'int4 is out of range'],
    ['int4', -(2 ** 31) - 1, 'invalid_value', 'int4 is out of range'],
    ['int8', 'SECRET', 'invalid_value', 'int8 must be a 64-bit integer in a string'],
    ['int8', '9223372036854775808', 'invalid_value', 'int8 must fit into 64 bits'],
    ['numeric', 'SECRET', 'invalid_value', 'numeric must be a decimal number in a string'],
    ['boolean', 'SECRET', 'invalid_type', 'boolean must be a JSON boolean'],
    [
      'timestamptz',
      '2026-02-30T00:00:00Z',
      'invalid_value',
      'timestamptz must be a day of the calendar',
    ],
    ['jsonb', 'SECRET', 'invalid_value', 'jsonb must be a string that holds JSON'],
    ['closed', 'SECRET', 'invalid_value', 'closed is not in its closed set'],
    ['closed', 1, 'invalid_type', 'closed must be a JSON string'],
    ['required', null, 'invalid_type', 'required must not be null'],
  ])('%s = %j: %s', (column, value, code, detail) => {
    const problem = problemOf(gatewayRowSchema(dataset), { ...emptyRow, [column]: value })
    expect(problem).toEqual({ code, column, detail })
  })

  it('names the column that is missing', () => {
    const { required: _, ...row } = emptyRow
    expect(problemOf(gatewayRowSchema(dataset), row)).toEqual({
      code: 'missing_column',
      column: 'required',
      detail: 'required is missing',
    })
  })

  it('is the first one, in the order of the columns, whatever the order of the row', () => {
    const row = { ...emptyRow, closed: 'SECRET', uuid: 'SECRET' }
    const reversed = Object.fromEntries(Object.entries(row).reverse())
    expect(problemOf(gatewayRowSchema(dataset), row).column).toBe('uuid')
    expect(problemOf(gatewayRowSchema(dataset), reversed).column).toBe('uuid')
  })

  it('is told for something that is no object', () => {
    const { error } = gatewayRowSchema(dataset).safeParse('SECRET')
    expect(rowProblem(error ?? new z.ZodError([]), {})).toEqual({
      code: 'invalid_type',
      column: null,
      detail: 'a row must be a JSON object',
    })
  })

  it('never holds the value, whichever rule of whichever column it breaks', () => {
    const marker = 'S3CR3T-VALUE'
    const values = [marker, `${marker}\u0000`, `"${marker}\\ud800"`, [marker], { [marker]: marker }]
    for (const real of DATASETS) {
      for (const schema of [producerRowSchema(real), gatewayRowSchema(real)]) {
        for (const { name } of real.columns) {
          for (const value of values) {
            const row = { [name]: value }
            const { error } = schema.safeParse(row)
            for (const issue of error?.issues ?? []) {
              const problem = rowProblem(new z.ZodError([issue]), row)
              expect(JSON.stringify(problem)).not.toContain(marker)
            }
          }
        }
      }
    }
  })
})
