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

/** Everything that is not as it has to be once nothing disturbs any more; nothing where the round is good. */
export async function judge(stage: Stage, round: Judged): Promise<readonly string[]> {
  const [{ files, head }, log, status] = [await stage.person.read(), await stage.person.log(), await readStatus(stage)];
  const environments = await Promise.all(
    round.places.map(async (place) => {
      const live = await stage.cluster.list(place.name);
      const wanted = declaredIn(files, place);
      const row = status.environments.find(({ name, repository }) => name === place.name && repository === 'master');
      const differences = differencesOf({ place, wanted: wanted ?? [], live, round });
      return [
        ...differences,
        ...problemsOfStatus({ place, isWanted: wanted !== undefined, row, isSo: differences.length === 0 }),
        ...bystandersTouched({ made: round.bystanders.get(place.name) ?? [], live }),
      ];
    }),
  );
  const leases = ['intake/master', ...round.places.map(({ name }) => `environments/master/${name}`)];
  return [
    ...environments.flat(),
    ...status.unreadable.map(({ repository, message }) => `status: ${repository} cannot be read: ${message}`),
    ...uploadsAstray({ uploads: round.uploads, log, heard: stage.heard, bucket: stage.pipeline.facts.buckets.master }),
    ...incidentsAstray({ round, heard: stage.heard }),
    ...staleWords({ round, heard: stage.heard, log }),
    ...(await heldLeases(stage, leases)),
    ...(await fsck(stage.pipeline.git.path('master'))),
    ...(head === '' ? ['the branch is gone'] : []),
  ];
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
  log: readonly { commit: string; message: string }[];
  heard: Heard;
  bucket: string;
}): readonly string[] {
  return uploads.flatMap(({ name, generation }, index) => {
    const uri = `gs://${bucket}/${name}#${generation}`;
    const commits = log.filter(({ message }) => message.split('\n').includes(`Artifact: ${uri}`));
    if (commits.length > 1) return [`${uri} is in ${commits.length} commits`];
    const isTold = heard.deadLetters.some((letter) => letter.reason !== 'GivenUp' && letter.subject === uri);
    const isSuperseded = uploads.slice(index + 1).some((later) => later.name === name);
    if (commits.length === 1) return isTold ? [`${uri} is in a commit, and told as refused`] : [];
    return isTold || isSuperseded ? [] : [`${uri} is in no commit, and not told as refused`];
  });
}

function incidentsAstray({ round, heard }: { round: Judged; heard: Heard }): readonly string[] {
  const names = new Set(round.places.map(({ name }) => name));
  const diffs = heard.diffs.filter(({ environment }) => names.has(environment));
  const closed = new Set(heard.converged.map(({ incident }) => incident));
  const open = new Map(diffs.filter(({ incident }) => !closed.has(incident)).map((diff) => [diff.incident, diff]));
  const twice = round.drifts.flatMap((value) => {
    const ids = new Set(
      diffs.filter(({ objects }) => JSON.stringify(objects).includes(value)).map(({ incident }) => incident),
    );
    return ids.size > 1 ? [`the drift ${value} was told under ${ids.size} ids: ${[...ids].join(', ')}`] : [];
  });
  return [
    ...[...open.values()].map(
      ({ environment, incident, reason, summary }) =>
        `the incident ${incident} of ${environment} (${reason}: ${summary}) was never closed`,
    ),
    ...twice,
  ];
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
