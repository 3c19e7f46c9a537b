import { statusSchema } from '../../shared/pipeline/common/environment-status.ts';
import type { Live } from './cluster.ts';
import { declaredIn, type Declared, type Place } from './declared.ts';
import type { Heard } from './heard.ts';
import { heldLeases } from './held.ts';
import { fsck, type Stage } from './stage.ts';

export interface Uploaded {
  readonly name: string;
  readonly generation: string;
}

/** What a round knows of itself, to be judged by. */
export interface Judged {
  readonly places: readonly Place[];
  readonly uploads: readonly Uploaded[];
  /** Values that a person wrote into the cluster, each but once. */
  readonly drifts: readonly string[];
  /** By namespace, as they were made. */
  readonly bystanders: ReadonlyMap<string, readonly Live[]>;
}

export interface Verdict {
  /** What is not as it has to be, and what a further look of the schedule may still bring there. */
  readonly passing: readonly string[];
  /** What was done and stays done. */
  readonly lasting: readonly string[];
}

/** Everything that is not as it has to be once nothing disturbs any more. */
export async function judge(stage: Stage, round: Judged): Promise<Verdict> {
  const [{ files }, log, status] = [await stage.person.read(), await stage.person.log(), await readStatus(stage)];
  const environments = await Promise.all(
    round.places.map(async (place) => {
      const live = await stage.cluster.list(place.name);
      const wanted = declaredIn(files, place);
      const row = status.environments.find(({ name, repository }) => name === place.name && repository === 'master');
      const differences = differencesOf({ place, wanted: wanted ?? [], live, round });
      return [
        ...differences,
        ...problemsOfStatus({ place, isWanted: wanted !== undefined, row, isSo: differences.length === 0 }),
      ];
    }),
  );
  const leases = ['intake/master', ...round.places.map(({ name }) => `environments/master/${name}`)];
  const { heard, pipeline } = stage;
  const { missing, doubled } = uploadsAstray({
    uploads: round.uploads,
    log,
    heard,
    bucket: pipeline.facts.buckets.master,
  });
  const touched = await Promise.all(
    [...round.bystanders].map(async ([namespace, made]) =>
      bystandersTouched({ made, live: await stage.cluster.list(namespace) }),
    ),
  );
  return {
    passing: [
      ...environments.flat(),
      ...status.unreadable.map(({ repository, message }) => `status: ${repository} cannot be read: ${message}`),
      ...missing,
      ...incidentsOpen({ round, heard }),
      ...(await heldLeases(stage, leases)),
    ],
    lasting: [
      ...doubled,
      ...touched.flat(),
      ...toldTwice({ round, heard }),
      ...staleWords({ round, heard, log }),
      ...(await fsck(pipeline.git.path('master'))),
    ],
  };
}

async function readStatus({ pipeline }: Stage) {
  const answer = await fetch(pipeline.facts.status);
  const text = await answer.text();
  if (!answer.ok) return { environments: [], unreadable: [{ repository: 'all', message: text.slice(0, 300) }] };
  return statusSchema.parse(JSON.parse(text));
}

function differencesOf({
  place,
  wanted,
  live,
  round,
}: {
  place: Place;
  wanted: readonly Declared[];
  live: readonly Live[];
  round: Judged;
}): readonly string[] {
  const key = ({ kind, metadata }: Declared | Live): string => `${kind} ${place.name}/${metadata.name}`;
  const others = new Set((round.bystanders.get(place.name) ?? []).map(key));
  const declared = new Map(wanted.map((one) => [key(one), one]));
  const found = new Map(live.map((one) => [key(one), one]));
  const missing = [...declared].flatMap(([title, { data }]) => {
    const object = found.get(title);
    if (object === undefined) return [`${title} is not there`];
    const [is, was] = [JSON.stringify(object.data), JSON.stringify(data)];
    return is === was ? [] : [`${title} is ${is}, and Git says ${was}`];
  });
  const surplus = [...found.keys()].filter((title) => !declared.has(title) && !others.has(title) && !isParent(title));
  const parents = wanted.length === 0 ? [...found.keys()].filter(isParent) : [];
  return [...missing, ...[...surplus, ...parents].map((title) => `${title} is there, and Git does not have it`)];
}

/** The parent of an inventory. */
const isParent = (title: string): boolean => /^ConfigMap [^/]+\/converge-/.test(title);

function problemsOfStatus({
  place,
  isWanted,
  row,
  isSo,
}: {
  place: Place;
  isWanted: boolean;
  row: Awaited<ReturnType<typeof readStatus>>['environments'][number] | undefined;
  isSo: boolean;
}): readonly string[] {
  if (row === undefined) return isWanted ? [`status does not know ${place.name}`] : [];
  const said = `${row.state}, ${row.health}, incident ${row.incident ?? 'none'}: ${row.message}`;
  if (!isWanted) return [`status still knows ${place.name}: ${said}`];
  const isGreen = row.state === 'Converged' && row.health === 'Healthy' && row.incident === null;
  if (isGreen && !isSo) return [`status says of ${place.name} that all is well, and it is not`];
  return isGreen ? [] : [`status says of ${place.name}: ${said}`];
}

function bystandersTouched({ made, live }: { made: readonly Live[]; live: readonly Live[] }): readonly string[] {
  return made.flatMap(({ kind, metadata }) => {
    const is = live.find((one) => one.kind === kind && one.metadata.name === metadata.name);
    const title = `the bystander ${kind} ${metadata.name}`;
    if (is === undefined) return [`${title} was deleted`];
    if (is.metadata.uid !== metadata.uid) return [`${title} was made anew`];
    return is.metadata.resourceVersion === metadata.resourceVersion ? [] : [`${title} was changed`];
  });
}

function uploadsAstray({
  uploads,
  log,
  heard,
  bucket,
}: {
  uploads: readonly Uploaded[];
  log: readonly { commit: string; at: string; message: string }[];
  heard: Heard;
  bucket: string;
}): { missing: readonly string[]; doubled: readonly string[] } {
  const missing: string[] = [];
  const doubled: string[] = [];
  for (const [index, { name, generation }] of uploads.entries()) {
    const uri = `gs://${bucket}/${name}#${generation}`;
    const commits = log.filter(({ message }) => message.split('\n').includes(`Artifact: ${uri}`));
    const told = heard.deadLetters.find((letter) => letter.reason !== 'GivenUp' && letter.subject === uri);
    const isTold = told !== undefined;
    const isSuperseded = uploads.slice(index + 1).some((later) => later.name === name);
    const where = commits.map(({ commit, at }) => `${commit} of ${at}`).join(', ');
    if (commits.length > 1) doubled.push(`${uri} is in ${commits.length} commits: ${where}`);
    if (commits.length === 1 && isTold)
      doubled.push(`${uri} is in a commit (${where}), and told as refused: ${told.reason}: ${told.message}`);
    if (commits.length === 0 && !isTold && !isSuperseded)
      missing.push(`${uri} is in no commit, and not told as refused`);
  }
  return { missing, doubled };
}

const alertsOf = ({ places }: Judged, { diffs }: Heard): Heard['diffs'] => {
  const names = new Set(places.map(({ name }) => name));
  return diffs.filter(({ environment }) => names.has(environment));
};

function incidentsOpen({ round, heard }: { round: Judged; heard: Heard }): readonly string[] {
  const closed = new Set(heard.converged.map(({ incident }) => incident));
  const open = alertsOf(round, heard).filter(({ incident }) => !closed.has(incident));
  return [...new Map(open.map((diff) => [diff.incident, diff])).values()].map(
    ({ environment, incident, reason, summary }) =>
      `the incident ${incident} of ${environment} (${reason}: ${summary}) was never closed`,
  );
}

/** One drift under two incidents. */
function toldTwice({ round, heard }: { round: Judged; heard: Heard }): readonly string[] {
  const diffs = alertsOf(round, heard);
  return round.drifts.flatMap((value) => {
    const about = diffs.filter(({ objects }) => JSON.stringify(objects).includes(value));
    const ids = new Set(about.map(({ incident }) => incident));
    return ids.size > 1 ? [`the drift ${value} was told under ${ids.size} ids: ${[...ids].join(', ')}`] : [];
  });
}

/** What is heard at about the same time may have been said the other way round. */
const sameTime = 400;

function staleWords({
  round,
  heard,
  log,
}: {
  round: Judged;
  heard: Heard;
  log: readonly { commit: string }[];
}): readonly string[] {
  const age = new Map(log.map(({ commit }, index) => [`main@sha1:${commit}`, index]));
  return round.places.flatMap(({ name }) => {
    const told = heard.converged.filter(({ environment }) => environment === name);
    return told.flatMap((one, index) => {
      const newer = told
        .slice(0, index)
        .find((other) => one.at - other.at > sameTime && (age.get(other.revision) ?? 0) < (age.get(one.revision) ?? 0));
      return newer === undefined ? [] : [`${name} is told as converged at ${one.revision} after ${newer.revision}`];
    });
  });
}
