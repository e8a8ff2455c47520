import type { Meter, ObservableResult } from '@opentelemetry/api'

/** What was read of a server, and when, in milliseconds of `performance.now()`. */
interface Read {
  readonly readAt: number
}

/** Seconds since it was read: ages go on between two readings. */
export function sinceReading({ readAt }: Read): number {
  return (performance.now() - readAt) / 1000
}

/** Makes gauges over the last reading; absent where there is none. */
export function readingGauges<Reading extends Read>(meter: Meter, read: () => Reading | undefined) {
  return (
    name: string,
    unit: string,
    description: string,
    observe: (result: ObservableResult, reading: Reading, sinceReading: number) => void,
  ): void => {
    meter.createObservableGauge(name, { unit, description }).addCallback((result) => {
      const reading = read()
      if (reading !== undefined) observe(result, reading, sinceReading(reading))
    })
  }
}
