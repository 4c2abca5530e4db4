export const RESTARTS = 5;
const WITHIN_MS = 3 * 60 * 1000;

/** Counts the crashes of the last three minutes. */
export class Crashes {
  private times: number[] = [];

  get count(): number {
    return this.times.length;
  }

  /** Take in a crash at a time in milliseconds; whether the server may be started again. */
  add(time: number): boolean {
    this.times = [...this.times.filter((before) => time - before <= WITHIN_MS), time];
    return this.times.length <= RESTARTS;
  }
}
