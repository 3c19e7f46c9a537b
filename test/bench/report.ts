import type { Case, CaseName } from './measure.ts';

/** What a case is to stay within: a multiple of its floor or seconds, and requests to the API server. */
interface Aim {
  readonly times?: number;
  readonly seconds?: number;
  readonly apiCalls?: number;
  readonly peakRssMiB?: number;
  /** For each environment. */
  readonly gitCallsEach?: number;
  readonly stateCallsEach?: number;
  readonly messages?: number;
}

/** What a function may hold, where it is less than what is given to it anyway. */
const memoryOfFunctions: Readonly<Record<string, number>> = { copyArtifact: 256, checkDrift: 256, reconcile: 512 };

/** Where a case measures several things. */
const aimsOfParts: Partial<Readonly<Record<CaseName, Readonly<Record<string, Aim>>>>> = {
  // A look is each minute: what ends is told by the first that begins after it.
  'frozen-api-server': { told: { seconds: 150 }, closed: { seconds: 60 }, 'another alert': { times: 1.5 } },
  'first-start': { 'first lines': { seconds: 120 }, 'first converged': { seconds: 300 } },
};

const aims: Readonly<Record<CaseName, Aim>> = {
  'apply-configmaps-1000': { times: 1.3, apiCalls: 1010 },
  'noop-configmaps-1000': {},
  'drift-configmaps-1000': { seconds: 0.15, apiCalls: 10 },
  'apply-mixed-5000': { times: 1.3, peakRssMiB: 512 },
  // Five for each of six kinds.
  'noop-mixed-5000': { seconds: 0.3, apiCalls: 30, peakRssMiB: 512 },
  'drift-mixed-5000': { seconds: 0.3, apiCalls: 30, peakRssMiB: 512 },
  'drift-found-of-5000': { apiCalls: 30 + 10, peakRssMiB: 512 },
  'change-one-of-5000': { seconds: 1, peakRssMiB: 512 },
  'apply-deployments-200': { times: 1.3 },
  'fleet-200x25': { seconds: 20 },
  'fleet-change-one-of-200': { seconds: 1.5 },
  'fleet-install-300x4': { seconds: 28, gitCallsEach: 1.2, stateCallsEach: 5 },
  'fleet-upgrade-300x4': { seconds: 24, gitCallsEach: 1.2, stateCallsEach: 5 },
  'fleet-far-git-60': { seconds: 6, gitCallsEach: 1.2 },
  'render-cold': {},
  'render-cached': {},
  'commit-file-1': { seconds: 0.15 },
  'commit-files-1000': { times: 3 },
  'copy-file-cold': { peakRssMiB: 256 },
  'copy-object-200MB': { peakRssMiB: 512 },
  'copy-archive-200MB': { peakRssMiB: 512 },
  'open-repository-1GiB': { seconds: 3, peakRssMiB: 256 },
  'upload-to-converged': { seconds: 1.5 },
  'upload-to-converged-platform': { times: 1.3 },
  'story-platform': {},
  'plan-pull-request': { seconds: 10 },
  'alert-latency': { seconds: 1 },
  'alerts-of-1000': { messages: 2 },
  'frozen-api-server': {},
  'first-start': {},
  'cold-start': { seconds: 0.5 },
};

/** One case as lines for people: the figure beside its floor, then each aim and whether it is met. */
export function describeCase(measured: Case): string {
  const {
    name,
    of,
    seconds,
    floorSeconds,
    apiCalls,
    peakRssMiB,
    gitCalls,
    stateCalls,
    environments,
    processorSeconds,
    floorProcessorSeconds,
    messages,
  } = measured;
  const floor =
    floorSeconds === null ? '' : `, floor ${inSeconds(floorSeconds)} (×${(seconds / floorSeconds).toFixed(2)})`;
  const lines = aimsOf(measured).map(({ met, text }) => `    ${met ? 'met   ' : 'missed'}  ${text}`);
  const memory = peakRssMiB === null ? '' : `, at most ${peakRssMiB} MiB`;
  const others =
    gitCalls === undefined || stateCalls === undefined ? '' : `, ${gitCalls} to Git, ${stateCalls} to Storage`;
  const each =
    environments === undefined
      ? ''
      : ` (each: ${[apiCalls, gitCalls, stateCalls].map((calls) => ((calls ?? 0) / environments).toFixed(1)).join(', ')})`;
  const processor =
    processorSeconds === undefined || floorProcessorSeconds === undefined
      ? ''
      : `, ${inSeconds(processorSeconds)} of processor (floor ${inSeconds(floorProcessorSeconds)})`;
  const told = messages === undefined ? '' : `, ${messages} messages`;
  const requests = apiCalls === null ? '' : `, ${apiCalls} API calls`;
  return [
    `${name}${of === undefined ? '' : ` ${of}`}: ${inSeconds(seconds)}${floor}${processor}${requests}${others}${each}${memory}${told}`,
    ...lines,
  ].join('\n');
}

/** Writes of the objects of environments, and reads, of one run; none of either is what `Aim` says of other requests. */
const stateAims: Readonly<Partial<Record<CaseName, { readonly reads: number; readonly environmentWrites: number }>>> = {
  'fleet-200x25': { reads: 2, environmentWrites: 0 },
};

/** What a run asked of Storage, as a line, and its aims; undefined where it was not counted. */
export function describeState({ name, state }: Case): string | undefined {
  if (state === undefined) return undefined;
  const [reads = 0, writes = 0, environmentWrites = 0] = [state.reads, state.writes, state.environmentWrites].map(
    (count) => count / state.runs,
  );
  const figures = `${reads.toFixed(1)} reads and ${writes.toFixed(1)} writes`;
  const line = `    state   ${figures} a run, ${environmentWrites.toFixed(1)} of the writes of an environment's objects`;
  const aim = stateAims[name];
  if (aim === undefined) return line;
  const isMet = reads <= aim.reads && environmentWrites <= aim.environmentWrites;
  const text = `at most ${aim.reads} reads and ${aim.environmentWrites} writes of an environment's objects a run`;
  return `${line}\n    ${isMet ? 'met   ' : 'missed'}  ${text}`;
}

function aimsOf({
  name,
  of,
  seconds,
  floorSeconds,
  apiCalls,
  peakRssMiB,
  gitCalls,
  stateCalls,
  environments,
  messages,
}: Case): readonly { met: boolean; text: string }[] {
  const memory = of === undefined ? undefined : memoryOfFunctions[of];
  const ofPart = aimsOfParts[name]?.[of ?? ''];
  const aim: Aim = { ...aims[name], ...ofPart, ...(memory === undefined ? {} : { peakRssMiB: memory }) };
  const found = [];
  if (aim.times !== undefined && floorSeconds !== null) {
    const longest = floorSeconds * aim.times;
    found.push({ met: seconds <= longest, text: `within ${aim.times} times the floor, ${inSeconds(longest)}` });
  }
  if (aim.seconds !== undefined) found.push({ met: seconds <= aim.seconds, text: `within ${inSeconds(aim.seconds)}` });
  if (aim.apiCalls !== undefined && apiCalls !== null)
    found.push({ met: apiCalls <= aim.apiCalls, text: `at most ${aim.apiCalls} API calls` });
  const calls = [
    { limit: aim.gitCallsEach, found: gitCalls, to: 'Git' },
    { limit: aim.stateCallsEach, found: stateCalls, to: 'Storage' },
  ];
  for (const { limit, found: all, to } of calls) {
    if (limit === undefined || all === undefined || environments === undefined) continue;
    found.push({ met: all / environments <= limit, text: `at most ${limit} requests to ${to} for each environment` });
  }
  if (aim.messages !== undefined && messages !== undefined)
    found.push({ met: messages <= aim.messages, text: `at most ${aim.messages} messages` });
  if (aim.peakRssMiB !== undefined && peakRssMiB !== null)
    found.push({ met: peakRssMiB <= aim.peakRssMiB, text: `within ${aim.peakRssMiB} MiB` });
  return found;
}

function inSeconds(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}
