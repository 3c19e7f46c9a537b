/** What is to be stopped, in the order it was started. */
export interface Stops {
  add(stop: () => Promise<void>): void;
  /** Resolves with the part, which is stopped with the others from then on. */
  withStop<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T>;
  hasBegun(): boolean;
  /**
   * In the opposite order of the start, so that nothing calls what is gone; each gets its turn, whatever the one before
   * said. May be called twice. Throws `AggregateError` of what could not be stopped.
   */
  stopAll(): Promise<void>;
}

export function createStops(): Stops {
  const stops: (() => Promise<void>)[] = [];
  let stopped: Promise<void> | undefined;
  return {
    add: (stop) => stops.push(stop),
    async withStop(starting) {
      const part = await starting;
      stops.push(part.stop);
      return part;
    },
    hasBegun: () => stopped !== undefined,
    stopAll: () => (stopped ??= stopInTurn(stops)),
  };
}

async function stopInTurn(stops: readonly (() => Promise<void>)[]): Promise<void> {
  const problems: unknown[] = [];
  for (const stop of stops.toReversed()) await stop().catch((error: unknown) => problems.push(error));
  if (problems.length > 0) throw new AggregateError(problems, 'not everything could be stopped');
}
