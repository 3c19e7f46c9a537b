import type { Repository } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { listEnvironments } from './declared-environments.ts';

/**
 * The repositories whose branch declares an environment now.
 *
 * @param asked.target `<class>/<name>`, or the name alone: then there may be several
 */
export async function declaringRepositories(
  { target, repositories }: { target: string; repositories: readonly string[] },
  ports: Pick<Ports, 'repository'>,
): Promise<{ readonly name: string; readonly found: readonly Repository[] }> {
  const [first = '', second] = target.split('/');
  const [name, classes] =
    second === undefined ? [first, repositories] : [second, repositories.filter((candidate) => candidate === first)];
  const found: Repository[] = [];
  for (const repository of classes.map((candidate) => ports.repository(candidate))) {
    const head = await repository.fetchHead();
    if (head !== undefined && (await listEnvironments({ repository, commit: head.id })).includes(name))
      found.push(repository);
  }
  return { name, found };
}
