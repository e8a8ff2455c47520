/** Of uPlot, which is served beside this code, as much as is used. */
interface Series {
  label?: string
  stroke?: string
  width?: number
  value?: (plot: unknown, value: number | null) => string
}
interface Axis {
  stroke?: string
  grid?: { stroke: string; width: number }
  ticks?: { stroke: string; width: number }
  size?: number
  values?: (plot: unknown, splits: number[]) => string[]
}
interface Options {
  width: number
  height: number
  series: Series[]
  axes?: Axis[]
  tzDate?: (seconds: number) => Date
  scales?: { y?: { range?: (plot: unknown, low: number, high: number) => [number, number] } }
}
type Data = (number | null)[][]

declare class uPlot {
  constructor(options: Options, data: Data, target: HTMLElement)
  static tzDate(date: Date, zone: string): Date
  setData(data: Data): void
  setSize(size: { width: number; height: number }): void
  destroy(): void
}

// biome-ignore lint/style/noDefaultExport: as uPlot has it
export { uPlot as default }
