/** Runs asynchronous work one piece at a time, in the order of the calls. */
type RunSerially = <T>(work: () => Promise<T>) => Promise<T>;

export function createSerialQueue(): RunSerially {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}
