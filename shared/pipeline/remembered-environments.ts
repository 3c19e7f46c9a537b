import type { StateStore } from './ports.ts';

/** The names of the environments of a repository that the state bucket knows, sorted, whether Git still declares them or not. */
export async function rememberedEnvironments({ repository, state }: { repository: string; state: StateStore }): Promise<string[]> {
  const folder = `environments/${repository}/`;
  const paths = await state.list(folder);
  return paths.flatMap((path) => {
    const [name = '', file, ...below] = path.slice(folder.length).split('/');
    return file === 'memory.json' && below.length === 0 ? [name] : [];
  });
}
