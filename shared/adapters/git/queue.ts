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
