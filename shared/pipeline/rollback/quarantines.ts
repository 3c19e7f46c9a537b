import { quarantinePath, quarantineSchema, quarantinesFolder, type Quarantine } from '../../memory/quarantine.ts';
import type { StateStore } from '../../ports/storage.ts';

/** A quarantine, with the environment that it is of. */
export interface NamedQuarantine {
  readonly environment: string;
  readonly quarantine: Quarantine;
}

/** The quarantines of a repository that uploads are checked against. */
export async function listQuarantines({
  repository,
  state,
}: {
  repository: string;
  state: StateStore;
}): Promise<readonly NamedQuarantine[]> {
  const folder = `${quarantinesFolder}/${repository}/`;
  const names = (await state.list(folder)).map((path) => path.slice(folder.length).replace(/\.json$/, ''));
  const all = await Promise.all(
    names.map(async (environment) => ({
      environment,
      quarantine: await readQuarantine({ repository, environment, state }),
    })),
  );
  return all.flatMap(({ environment, quarantine }) => (quarantine === undefined ? [] : [{ environment, quarantine }]));
}

export async function readQuarantine({
  repository,
  environment,
  state,
}: {
  repository: string;
  environment: string;
  state: StateStore;
}): Promise<Quarantine | undefined> {
  return quarantineSchema.safeParse((await state.read(quarantinePath({ repository, environment })))?.value).data;
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
  state: StateStore;
}): Promise<void> {
  await state.write({ path: quarantinePath({ repository, environment }), value: quarantine, ifGeneration: 'any' });
}

export async function removeQuarantine({
  repository,
  environment,
  state,
}: {
  repository: string;
  environment: string;
  state: StateStore;
}): Promise<void> {
  const path = quarantinePath({ repository, environment });
  const found = await state.read(path);
  if (found !== undefined) await state.delete({ path, generation: found.generation });
}
