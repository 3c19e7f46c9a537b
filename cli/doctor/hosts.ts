import { plainRevision } from '../command-result.ts';
import type { Context } from '../context.ts';
import type { Permissions } from '../../shared/ports/permissions.ts';
import { lookAtWebhook } from './cloud.ts';
import { lookInto, notAsked, ok, type Finding } from './finding.ts';

/** Each Git host: reached, read, and whether it would take a push; and whose webhooks are let in. */
export async function lookAtGit(context: Context, permissions: Permissions): Promise<readonly Finding[]> {
  const classes = Object.keys(context.config.repositories);
  const found = await Promise.all(
    classes.map(async (repositoryClass) => lookAtRepository(context, { repositoryClass, permissions })),
  );
  return [...found.flat(), ...(await lookAtWebhooks(context))];
}

async function lookAtRepository(
  context: Context,
  { repositoryClass, permissions }: { repositoryClass: string; permissions: Permissions },
): Promise<readonly Finding[]> {
  const reads = { check: 'git', subject: `${repositoryClass}, read` };
  const read = await lookInto(reads, async () => {
    const { head, branch, url } = (await context.open.repository())(repositoryClass);
    const commit = await head();
    // One that has other branches throws.
    return commit === undefined
      ? ok(reads, `${url} is empty: the first push or upload founds ${branch}`)
      : ok(reads, `${url} is at ${plainRevision(`${branch}@sha1:${commit}`)}`);
  });
  const pushes = { check: 'git', subject: `${repositoryClass}, push` };
  if (read.some(({ state }) => state !== 'ok'))
    return [...read, notAsked(pushes, 'what cannot be read is not asked for more', 'mend the reading first')];
  const push = await lookInto(pushes, async () => {
    await permissions.mayPush(repositoryClass);
    return ok(
      pushes,
      'the host would take a push by the credentials of the configuration; rules of the branch are its own',
    );
  });
  return [...read, ...push];
}

async function lookAtWebhooks({ config: { webhooks }, webhookUrl }: Context): Promise<readonly Finding[]> {
  const hosts = Object.keys(webhooks);
  if (hosts.length > 0 && webhookUrl !== undefined) return [await lookAtWebhook(webhookUrl)];
  const about = { check: 'webhook', subject: hosts.join(', ') || 'none' };
  return hosts.length === 0
    ? [
        notAsked(
          about,
          'the configuration lets no Git host call: pushes are found by the schedule',
          'webhooks of the configuration, docs/deploy.md says how',
        ),
      ]
    : [
        notAsked(
          about,
          'where it answers is not in the configuration',
          'converge doctor --cloud FILE asks it; what the host was answered stands in its own list of deliveries',
        ),
      ];
}
