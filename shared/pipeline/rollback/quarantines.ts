import {
  isSameQuarantine,
  quarantinePath,
  quarantineSchema,
  quarantinesFolder,
  type Quarantine,
} from '../../memory/quarantine.ts';
import { readState, valueOrNone, type StateAccess } from '../common/read-state.ts';

/** A quarantine, with the environment that it is of. */
export interface NamedQuarantine {
  readonly environment: string;
  readonly quarantine: Quarantine;
}

/**
 * The quarantines of a repository that uploads are checked against. One that nobody can read holds nothing back: it is
 * of one environment, and the uploads are those of all.
 */
export async function listQuarantines({
  repository,
  ...access
}: {
  repository: string;
} & StateAccess): Promise<readonly NamedQuarantine[]> {
  const folder = `${quarantinesFolder}/${repository}/`;
  const names = (await access.state.list(folder)).map(({ path }) => path.slice(folder.length).replace(/\.json$/, ''));
  const all = await Promise.all(
    names.map(async (environment) => ({
      environment,
      quarantine: await readQuarantine({ repository, environment, ...access }),
    })),
  );
  return all.flatMap(({ environment, quarantine }) => (quarantine === undefined ? [] : [{ environment, quarantine }]));
}

async function readQuarantine({
  repository,
  environment,
  ...access
}: {
  repository: string;
  environment: string;
} & StateAccess): Promise<Quarantine | undefined> {
  const path = quarantinePath({ repository, environment });
  return valueOrNone(await readState({ path, decode: decodeQuarantine }, access));
}

function decodeQuarantine(value: unknown): Quarantine | undefined {
  return quarantineSchema.safeParse(value).data;
}

/**
 * What a run that remembers nothing takes over. A copy that nobody can read says nothing of what failed and is cleared
 * away. Only for the run that holds the environment's lease.
 */
export async function takeOverQuarantine({
  repository,
  environment,
  ...access
}: {
  repository: string;
  environment: string;
} & StateAccess): Promise<Quarantine | undefined> {
  const path = quarantinePath({ repository, environment });
  const found = await readState({ path, decode: decodeQuarantine }, access);
  if (found === undefined || !('unreadable' in found)) return found?.value;
  await access.state.delete({ path, generation: found.generation });
  return undefined;
}

/**
 * Writes the copy anew where it is lost, or nobody can read it. Only for the run that holds the environment's lease.
 */
export async function restoreQuarantine({
  repository,
  environment,
  quarantine,
  ...access
}: {
  repository: string;
  environment: string;
  quarantine: Quarantine;
} & StateAccess): Promise<void> {
  if ((await readQuarantine({ repository, environment, ...access })) === undefined)
    await writeQuarantine({ repository, environment, quarantine, state: access.state });
}

/** Only the run that holds the environment's lease writes it. */
export async function writeQuarantine({
  repository,
  environment,
  quarantine,
  state,
}: {
  repository: string;
  environment: string;
  quarantine: Quarantine;
  state: StateAccess['state'];
}): Promise<void> {
  await state.write({ path: quarantinePath({ repository, environment }), value: quarantine, ifGeneration: 'any' });
}

/**
 * Removes the copy.
 *
 * @param facts.quarantine only where the copy is of that one: a look holds no lease, and another may have begun since
 */
export async function removeQuarantine({
  repository,
  environment,
  quarantine,
  ...access
}: {
  repository: string;
  environment: string;
  quarantine?: Quarantine;
} & StateAccess): Promise<void> {
  const path = quarantinePath({ repository, environment });
  const found = await readState({ path, decode: decodeQuarantine }, access);
  const copy = valueOrNone(found);
  const isAnother = quarantine !== undefined && copy !== undefined && !isSameQuarantine(copy, quarantine);
  if (found !== undefined && !isAnother) await access.state.delete({ path, generation: found.generation });
}
