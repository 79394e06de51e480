/**
 * Runs `work` for each item, at most `width` at a time, and yields the results in the order of the items. After a
 * failure, or when the consumer stops, no further work is begun, and what is in flight is awaited.
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const inFlight: Promise<PromiseSettledResult<R>>[] = [];
  let next = 0;
  let hasFailed = false;
  const begin = async (item: T): Promise<PromiseSettledResult<R>> => {
    try {
      return { status: 'fulfilled', value: await work(item) };
    } catch (reason) {
      hasFailed = true;
      return { status: 'rejected', reason };
    }
  };
  let failure: PromiseRejectedResult | undefined;
  try {
    while (inFlight.length > 0 || (next < items.length && !hasFailed)) {
      while (inFlight.length < width && next < items.length && !hasFailed) {
        const [item] = items.slice(next, next + 1);
        next += 1;
        if (item !== undefined) inFlight.push(begin(item));
      }
      const result = await inFlight.shift();
      if (result?.status === 'fulfilled') yield result.value;
      else if (result) failure ??= result;
    }
  } finally {
    await Promise.all(inFlight);
  }
  if (failure) throw failure.reason;
}
