import { type Dataset, producerRowSchema } from '@hq-export/contract'
import { z } from 'zod'

/**
 * JSON Schema 2020-12 of a row as a producer must send it. What JSON Schema cannot say (a day of
 * the calendar, 64 bits) the gateway checks nevertheless.
 */
export function jsonSchemaOf(dataset: Dataset): unknown {
  const schema = z.toJSONSchema(producerRowSchema(dataset), {
    target: 'draft-2020-12',
    unrepresentable: 'throw',
  })
  const properties = dataset.columns.map(({ name, type, description, deprecated }) => {
    const property = schema.properties?.[name]
    return [
      name,
      {
        ...(typeof property === 'object' ? property : {}),
        description: `${type}: ${description}`,
        ...(deprecated !== undefined && { deprecated: true }),
      },
    ]
  })
  return {
    ...schema,
    title: dataset.name,
    description: dataset.description,
    properties: Object.fromEntries(properties),
  }
}
