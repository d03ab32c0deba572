export interface GatherOptions {
  /** Most items of one piece of work. */
  readonly maxItems: number;
  /** Most pieces of work that run at the same time. */
  readonly maxUnderWay: number;
}

/**
 * Joins calls into one piece of work: those that come while earlier work runs, or in the same turn of the event loop. No
 * call is delayed to wait for others.
 *
 * @param work gives one result per item, in order; the call of an item rejects with the Error that stands in its place
 */
export function createGatherer<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly (Result | Error)[]>,
  { maxItems, maxUnderWay }: GatherOptions,
): (item: Item) => Promise<Result> {
  interface Call {
    readonly item: Item;
    resolve(result: Result): void;
    reject(error: unknown): void;
  }
  const waiting: Call[] = [];
  let underWay = 0;
  let woken = false;

  const begin = (): void => {
    woken = false;
    while (waiting.length > 0 && underWay < maxUnderWay) void run(waiting.splice(0, maxItems));
  };

  const run = async (calls: readonly Call[]): Promise<void> => {
    underWay += 1;
    try {
      const results = await work(calls.map(({ item }) => item));
      for (const [at, { resolve, reject }] of calls.entries()) {
        const result = results[at];
        if (result === undefined) reject(new Error('no result came of this item'));
        else if (result instanceof Error) reject(result);
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      underWay -= 1;
      begin();
    }
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (woken || underWay >= maxUnderWay) return;
      woken = true;
      setImmediate(begin);
    });
}
