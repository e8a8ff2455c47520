import { z } from 'zod'
import type { Dataset } from '../datasets/dataset.ts'
import { wireValueCheck, wireValueSchema } from './wire-value.ts'

/*
 * Neither schema looks for U+0000 and lone surrogates: escapes hide them in JSON text inside of
 * strings and in columns that no descriptor knows, so the gateway looks for them in the text of the
 * batch, once for all rows.
 */

/** A row on the wire: contract column to JSON value; exact types travel as strings. */
export type WireRow = Readonly<Record<string, unknown>>

function shapeOf(dataset: Dataset): Record<string, z.ZodType> {
  return Object.fromEntries(dataset.columns.map((column) => [column.name, wireValueSchema(column)]))
}

/**
 * The producer's schema: exactly the contract's columns, each present, nothing else. What fails it
 * must not leave the source.
 */
export function producerRowSchema(dataset: Dataset): z.ZodType<WireRow> {
  return z.strictObject(shapeOf(dataset))
}

/**
 * The gateway's schema: every frozen column present, additive ones optional, unknown columns kept
 * (contract, Schema Governance: v1 may grow, and an older gateway must not lose what a newer
 * producer sends).
 */
export function gatewayRowSchema(dataset: Dataset): z.ZodType<WireRow> {
  const shape = shapeOf(dataset)
  for (const column of dataset.columns) {
    const schema = shape[column.name]
    if (column.additive && schema !== undefined) shape[column.name] = schema.optional()
  }
  return z.looseObject(shape)
}

/**
 * {@link gatewayRowSchema} as a plain predicate: true exactly for the rows that it takes. A row is
 * asked this first, and the schema only for the reason.
 */
export function gatewayRowCheck(dataset: Dataset): (row: WireRow) => boolean {
  const checks = dataset.columns.map((column) => ({
    name: column.name,
    isOptional: column.additive === true,
    isValid: wireValueCheck(column),
  }))
  return (row) => {
    for (const { name, isOptional, isValid } of checks) {
      const value = row[name]
      if (!isValid(value) && !(isOptional && value === undefined)) return false
    }
    return true
  }
}
