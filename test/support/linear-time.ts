import { expect } from 'vitest';

/** Lengths that are compared, in UTF-16 units. In the square the longer one takes 16 times as long, in a line 4 times. */
const [SHORT, LONG] = [8_192, 32_768];
const MOST_GROWTH = 9;
/** CPU time below this is noise, in ms. */
const NOISE_MS = 40;
const TRIES = 3;

async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The least of a few tries, where it matters. */
async function timeOf(work: () => unknown): Promise<number> {
  let least = await cpuMs(work);
  for (let tried = 1; tried < TRIES && least >= NOISE_MS; tried += 1) least = Math.min(least, await cpuMs(work));
  return least;
}

/**
 * Expects CPU time that grows with the length of a text, not with its square: four times the text takes at most nine times
 * as long.
 *
 * @param units a text is one of these, repeated
 */
export async function expectLinearTime(units: readonly string[], work: (text: string) => unknown): Promise<void> {
  for (const unit of units) {
    const textOf = (length: number): string => unit.repeat(Math.ceil(length / unit.length));
    const [short, long] = [textOf(SHORT), textOf(LONG)];
    await work(short);
    const shortMs = await timeOf(() => work(short));
    const longMs = await timeOf(() => work(long));
    expect(longMs, `${JSON.stringify(unit)}: ${Math.round(shortMs)} ms, then ${Math.round(longMs)} ms`).toBeLessThan(
      Math.max(NOISE_MS, MOST_GROWTH * Math.max(shortMs, NOISE_MS / 4)),
    );
  }
}
