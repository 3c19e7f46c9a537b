import { dump } from 'js-yaml';
import { environmentPath } from '../shared/environment/environment-file.ts';
import type { ApiResource } from '../shared/objects/cluster-api.ts';
import { inParallel } from '../shared/pipeline/common/parallel.ts';
import type { Ports } from '../shared/ports/ports.ts';
import { rbac } from '../shared/pipeline/rbac.ts';
import { environmentUser } from '../shared/rbac/environment-user.ts';
import type { CommandResult, Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';

export interface RbacOptions {
  readonly kubeVersion: string;
  readonly apiVersions: readonly string[];
  readonly resource: readonly ApiResource[];
  readonly clusterResource: readonly ApiResource[];
  readonly convergeAccount: readonly string[];
}

/** `converge rbac ENVIRONMENT`: manifests for `kubectl apply`, with what they leave open as comments before them. */
export async function showRbac(context: Context, name: string, options: RbacOptions): Promise<CommandResult> {
  const ports = {
    ...context.ports,
    state: await context.open.state(),
    repository: await context.open.repository(),
    renderer: await context.open.renderer(),
  };
  const who = await findDeclared({ name, repositories: Object.keys(context.config.repositories) }, ports);
  const asked = {
    ...who,
    kubernetesVersion: options.kubeVersion,
    apiVersions: options.apiVersions,
    resources: [...options.resource, ...options.clusterResource],
    accounts: options.convergeAccount,
    limits: context.config.limits,
  };
  const found = await rbac(asked, ports);
  const settings = context.config.clusters[found.cluster];
  const notes = [
    ...found.notes,
    ...(settings === undefined ? [`the configuration has no cluster ${found.cluster}`] : []),
    ...(settings?.identity === 'own'
      ? [`clusters.${found.cluster}.identity is own: until it is \`environment\`, nothing acts as this user`]
      : []),
  ];
  const comments = [
    `${environmentUser(who)} in cluster ${found.cluster}, for ${found.environment} at ${found.revision}`,
    ...notes,
  ];
  const lines: Line[] = [
    ...comments.map((text) => ({ text: `# ${text}`, tone: 'plain' as const })),
    ...found.manifests.flatMap((manifest) =>
      ['---', ...dump(manifest, { lineWidth: -1, noRefs: true }).trimEnd().split('\n')].map((text) => ({
        text,
        tone: 'plain' as const,
      })),
    ),
  ];
  return { exit: 0, json: { ...found, user: environmentUser(who), notes }, lines };
}

/** Which repository's head declares the environment, whether it ever ran or not. */
export async function findDeclared(
  { name, repositories }: { name: string; repositories: readonly string[] },
  { repository }: Pick<Ports, 'repository'>,
): Promise<{ repository: string; environment: string }> {
  const slash = name.indexOf('/');
  const environment = name.slice(slash + 1);
  const classes = slash === -1 ? repositories : repositories.filter((known) => known === name.slice(0, slash));
  const declared = await inParallel(classes, async (known) => {
    const commit = await repository(known).fetchHead();
    return commit !== undefined &&
      (await repository(known).entry({ commit: commit.id, path: environmentPath(environment) })) !== undefined
      ? [known]
      : [];
  });
  const [first, ...others] = declared.flat();
  if (first === undefined)
    throw new CommandError({
      subject: name,
      message: 'is declared at the head of no branch',
      remedy: 'converge status lists the environments',
    });
  if (others.length > 0)
    throw new CommandError({
      subject: name,
      message: 'is declared in more than one repository',
      remedy: `say ${[first, ...others].map((known) => `${known}/${environment}`).join(' or ')}`,
    });
  return { repository: first, environment };
}
