/**
 * Runs one piece of work after the other: a clone whose pack index is half written reads as a broken clone. Work that
 * would wait longer than `patience` (milliseconds) is not begun.
 *
 * @param late the error of what waited that long
 */
export function createQueue({
  patience,
  late,
}: {
  patience: number;
  late: () => Error;
}): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const given = Promise.withResolvers<never>();
    let isGivenUp = false;
    const timer = setTimeout(() => {
      isGivenUp = true;
      given.reject(late());
    }, patience);
    const begin = async (): ReturnType<typeof work> => {
      if (isGivenUp) return await given.promise;
      clearTimeout(timer);
      return await work();
    };
    const turn = last.then(begin, begin);
    last = turn.catch(() => undefined);
    return await Promise.race([turn, given.promise]);
  };
}

/**
 * A look that has not begun is shared by all who ask before it begins. One under way may be older than the question;
 * one that ended without beginning, because it waited too long, is nobody's any more.
 */
export function sharedUntilBegun<T>(look: (begins: () => void) => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined;
  return () => {
    if (next !== undefined) return next;
    const mine = look(() => forget());
    const forget = (): void => {
      if (next === mine) next = undefined;
    };
    next = mine;
    mine.then(forget, forget);
    return mine;
  };
}
