/** Time spent on some work, whatever became of it. */
export class Stopwatch {
  seconds = 0

  async time<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      return await work()
    } finally {
      this.seconds += (performance.now() - began) / 1000
    }
  }
}
