import { diffAnswerSchema } from '../shared/pipeline/inspect/answers.ts';
import { accept, acceptResultSchema, type AcceptPorts, type AcceptResult } from '../shared/pipeline/act/accept.ts';
import { builtInVersion } from '../shared/rbac/known-resources.ts';
import { act, saidOf, type ActOptions } from './ask-act.ts';
import { environmentOfIncident } from './ask-environment.ts';
import { askInspect } from './ask-inspect.ts';
import type { CommandResult, Line, Tone } from './command-result.ts';
import type { Context } from './context.ts';

export interface AcceptOptions extends ActOptions {
  readonly environment?: string;
}

/**
 * `converge accept INCIDENT`: through `act`; by one's own rights, what differs in the cluster is what `inspect` tells. Exit code
 * 1 where the Git host opens no pull request.
 */
export async function acceptIncident(
  context: Context,
  incident: string,
  { environment: named, ...options }: AcceptOptions,
): Promise<CommandResult> {
  const environment = await environmentOfIncident(context, { incident, named });
  const action = { action: 'accept' as const, environment, incident, ...saidOf(options) };
  context.progress(`accepting ${incident} of ${environment}`);
  const result = await act(context, {
    ...{ action, options, schema: acceptResultSchema },
    own: async (by) =>
      accept(action, by, await acceptPorts(context), { ...context.config, kubernetesVersion: builtInVersion }),
  });
  return { exit: result.unopened === null ? 0 : 1, json: result, lines: linesOf(result) };
}

async function acceptPorts(context: Context): Promise<AcceptPorts> {
  const [repository, state, renderer, { createGitHosts }] = await Promise.all([
    context.open.repository(),
    context.open.state(),
    context.open.renderer(),
    import('../shared/adapters/git-hosts.ts'),
  ]);
  return {
    ...{ ...context.ports, repository, state, renderer, gitHosts: createGitHosts({ now: context.ports.now }) },
    diffOf: async (of) =>
      await askInspect(context, {
        environment: `${of.repository}/${of.environment}`,
        what: 'diff',
        schema: diffAnswerSchema,
      }),
  };
}

const ways: Readonly<Record<AcceptResult['objects'][number]['how'], string>> = {
  manifest: 'in its manifest',
  patch: 'by a patch of its overlay',
  values: 'by a value of its chart',
  ignored: 'ignored from now on, as no one value of its chart makes it so',
};

function linesOf(result: AcceptResult): Line[] {
  const { repository, environment, incident, branch, objects, files, shared, outcome } = result;
  const what = `${incident} of ${repository}/${environment}`;
  if (branch === null) return [plain(`nothing of ${what} differs any more: it ends with the next run`)];
  const heading: Readonly<Record<AcceptResult['outcome'], Line>> = {
    planned: { text: `${what} would be accepted on the branch ${branch}`, tone: 'heading' },
    proposed: { text: `${what} is accepted on the branch ${branch}: it ends once that is merged`, tone: 'good' },
    nothing: plain(`${what} is accepted already on the branch ${branch}: it ends once that is merged`),
  };
  return [
    heading[outcome],
    ...objects.map(({ object, how, file, fields }) =>
      plain(`  ${object}: ${fields.length === 0 ? 'was deleted, and goes' : fields.join(', ')} ${ways[how]} (${file})`),
    ),
    ...shared.map((name): Line => ({
      text: `  changes ${name}, too, which is made of the same files`,
      tone: 'warning',
    })),
    ...(outcome === 'planned' ? files.flatMap(diffLines) : []),
    ...whereLines(result),
  ];
}

const tones: Readonly<Record<string, Tone>> = { '-': 'bad', '+': 'good', '@': 'detail' };

/** `--- a/config/shop.yaml` */
const isName = /^(---|\+\+\+) [ab]\//;

function diffLines({ diff }: AcceptResult['files'][number]): Line[] {
  return diff
    .replace(/\n$/, '')
    .split('\n')
    .map((text): Line => ({ text, tone: isName.test(text) ? 'heading' : (tones[text.charAt(0)] ?? 'plain') }));
}

/** Where it waits for somebody who merges it. */
function whereLines({ outcome, pullRequest, openAt, unopened }: AcceptResult): Line[] {
  if (outcome === 'planned') return [];
  if (pullRequest !== null) return [plain(`  pull request  ${pullRequest}`)];
  const by = openAt === null ? 'open a pull request of it at your Git host' : `open its pull request at ${openAt}`;
  if (unopened === null) return [plain(`  ${by}`)];
  return [{ text: `  the Git host opened no pull request: ${unopened}`, tone: 'bad' }, plain(`  ${by}`)];
}

function plain(text: string): Line {
  return { text, tone: 'plain' };
}
