export interface ChunksInWorkOptions {
  readonly fewest: number;
  readonly most: number;
}

/** A chunk that is settled in less says that the worker could do with more of them. */
const QUICK_MS = 500;

export interface ChunksInWork {
  /**
   * How many chunks to have in work, now that one has been settled that took `ms` from its delivery on.
   *
   * @param filling as many as fill the engines
   */
  afterSettled(ms: number, filling: number): number;
}

/**
 * How many chunks a worker has in work: those that fill its engines, and where they are settled at once (duplicates,
 * blank texts, models that are very small) up to half a second's work, so that claims and completions come in groups.
 * More would only be kept from other workers.
 */
export function createChunksInWork({ fewest, most }: ChunksInWorkOptions): ChunksInWork {
  let wanted = fewest;
  return {
    afterSettled(ms, filling) {
      const least = Math.max(fewest, filling);
      wanted = Math.max(least, Math.min(most, wanted + (ms < QUICK_MS ? 1 : -1)));
      return wanted;
    },
  };
}
