/** One line of the report, and of `--json`. */
export interface Case {
  readonly name: CaseName;
  /** The function, or the kind of sink, where a case measures each. */
  readonly of?: string;
  /** Objects of the environment. */
  readonly objects: number;
  readonly seconds: number;
  /** What the same takes without the product; null where there is nothing to compare with. */
  readonly floorSeconds: number | null;
  /** Requests that the API server counted; null where it is none of the case's business. */
  readonly apiCalls: number | null;
  /** The most memory that the process running the stage held, from its start; null where the case runs in several. */
  readonly peakRssMiB: number | null;
  /** HTTP requests to the Git host and to Cloud Storage, where they are counted. */
  readonly gitCalls?: number;
  readonly stateCalls?: number;
  /** How many they are of all together, as the requests to the API server, where each is an environment's. */
  readonly environments?: number;
  /** Requests to Storage about state. */
  readonly state?: StateCounts;
  /** Of the process itself, where it is told: what a busy machine does not blur. */
  readonly processorSeconds?: number;
  readonly floorProcessorSeconds?: number;
  /** What a sink of alerts got, where a case tells it of many. */
  readonly messages?: number;
}

/** Requests to Storage of so many runs together, doubles and refused ones too. */
export interface StateCounts {
  readonly runs: number;
  readonly reads: number;
  readonly writes: number;
  /** Of those, writes of the objects of an environment. */
  readonly environmentWrites: number;
}

export const caseNames = [
  'apply-configmaps-1000',
  'noop-configmaps-1000',
  'drift-configmaps-1000',
  'apply-mixed-5000',
  'noop-mixed-5000',
  'drift-mixed-5000',
  'drift-found-of-5000',
  'change-one-of-5000',
  'apply-deployments-200',
  'fleet-200x25',
  'fleet-change-one-of-200',
  'fleet-install-300x4',
  'fleet-upgrade-300x4',
  'fleet-far-git-60',
  'render-cold',
  'render-cached',
  'commit-file-1',
  'commit-files-1000',
  'copy-file-cold',
  'copy-object-200MB',
  'copy-archive-200MB',
  'open-repository-1GiB',
  'upload-to-converged',
  'upload-to-converged-platform',
  'story-platform',
  'plan-pull-request',
  'alert-latency',
  'alerts-of-1000',
  'frozen-api-server',
  'first-start',
  'cold-start',
] as const;
export type CaseName = (typeof caseNames)[number];

/** Seconds that the work took. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The middle one; of an even number, the mean of the two in the middle. Throws for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error('nothing was measured');
  return (lower + upper) / 2;
}

/**
 * Does both, the one first in even rounds and the other in odd ones, so that neither always meets the warmer machine.
 */
export async function inTurns(
  round: number,
  works: { even: () => Promise<void>; odd: () => Promise<void> },
): Promise<void> {
  const { even, odd } = works;
  for (const work of round % 2 === 0 ? [even, odd] : [odd, even]) await work();
}

/** What the rounds of a case found; `summarise` makes the case of it. */
export interface Rounds {
  readonly seconds: number[];
  readonly floor: number[];
  readonly calls: number[];
}

export function noRounds(): Rounds {
  return { seconds: [], floor: [], calls: [] };
}

/** Medians of the seconds, and the largest count of calls. */
export function summarise({
  name,
  objects,
  rounds,
  peakRssMiB,
  state,
}: {
  name: CaseName;
  objects: number;
  rounds: Rounds;
  peakRssMiB: number | null;
  state?: StateCounts;
}): Case {
  const { seconds, floor, calls } = rounds;
  return {
    name,
    objects,
    seconds: median(seconds),
    floorSeconds: floor.length === 0 ? null : median(floor),
    apiCalls: Math.max(...calls),
    peakRssMiB,
    ...(state === undefined ? {} : { state }),
  };
}
