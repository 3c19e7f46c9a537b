import type { Dispatcher } from 'undici';
import type { GitHostConfig } from '../config/git-hosts.ts';
import type { GitHosts, HostedProject } from '../ports/git-hosts.ts';
import { createDispatcher, type GitConnection } from './git/dispatcher.ts';
import { createGithubApp } from './git/github-app.ts';
import { patience } from './patience.ts';
import { proposeToGithub, pullRequestOfGithub, reportToGithub, showPlanOnGithub } from './sinks/github.ts';
import { proposeToGitlab, pullRequestOfGitlab, reportToGitlab, showPlanOnGitlab } from './sinks/gitlab.ts';
import { parseAnswer, type HostAccess } from './sinks/host-calls.ts';
import { posting, type Connection, type Post } from './sinks/post.ts';
import { readToken } from './sinks/secrets.ts';

/** Shows what became of commits on hosts of every kind, each by its file in `sinks/`. */
export function createGitHosts({
  now,
  answer = patience.sinks.answer,
}: {
  now: () => Date;
  /** Milliseconds for each request. */
  answer?: number;
}): GitHosts {
  const pauses = new Map<string, number>();
  const connections = new Map<string, Connection>();
  const apps = new Map<string, () => Promise<string>>();
  /** The host's own API, as whoever the configuration says. */
  const accessOf = async ({ host, connection: settings, project }: HostedProject): Promise<HostAccess> => {
    const receiver = host.kind === 'github' ? 'GitHub' : 'GitLab';
    const key = JSON.stringify([host.name, settings]);
    const connection = connections.get(key) ?? connectionTo({ settings, url: host.api, answer });
    if (connection !== undefined) connections.set(key, connection);
    const post = posting({
      sink: host.name,
      receiver,
      answer,
      pauses,
      ...(connection === undefined ? {} : { connection }),
    });
    const at = { project, sink: host.name, api: host.api, post };
    if (host.kind === 'gitlab') return { ...at, token: await readToken({ file: host.tokenSecretFile, what: 'token' }) };
    const tokenOf = apps.get(key) ?? githubTokens(host, { post, now });
    apps.set(key, tokenOf);
    return { ...at, token: await tokenOf() };
  };
  return {
    async report({ branch, report, ...of }) {
      const at = { ...(await accessOf(of)), branch, report };
      if (of.host.kind === 'gitlab') return await reportToGitlab(at);
      return await reportToGithub({ ...at, appId: of.host.githubApp?.appId });
    },
    async pullRequest({ number, ...of }) {
      const at = { ...(await accessOf(of)), number };
      return of.host.kind === 'gitlab' ? await pullRequestOfGitlab(at) : await pullRequestOfGithub(at);
    },
    async showPlan({ report, ...of }) {
      const { host } = of;
      const at = { ...(await accessOf(of)), report };
      if (host.kind === 'gitlab') await showPlanOnGitlab(at);
      else await showPlanOnGithub({ ...at, appId: host.githubApp?.appId });
    },
    async propose({ host, connection, ...asked }) {
      const at = { ...asked, ...(await accessOf({ host, connection, project: asked.project })) };
      return host.kind === 'gitlab' ? await proposeToGitlab(at) : await proposeToGithub(at);
    },
  };
}

/** As Git reaches the repository; undefined: as everything else is reached. */
function connectionTo(of: { settings: GitConnection; url: string; answer: number }): Connection | undefined {
  if (Object.values(of.settings).every((setting) => setting === undefined)) return undefined;
  let made: Promise<Dispatcher> | undefined;
  return {
    async dispatcher() {
      made ??= createDispatcher(of).catch((error: unknown) => {
        made = undefined;
        throw error;
      });
      return await made;
    },
    forget() {
      // Others may still be answered by it.
      void made?.then(async (old) => old.close()).catch(() => undefined);
      made = undefined;
    },
  };
}

function githubTokens(
  { tokenSecretFile: file, githubApp: settings }: Extract<GitHostConfig, { kind: 'github' }>,
  { post, now }: { post: Post; now: () => Date },
): () => Promise<string> {
  if (settings === undefined) return async () => readToken({ file: file ?? '', what: 'token' });
  const app = createGithubApp({
    settings,
    now,
    request: async ({ url, authorization }) => {
      const headers = { authorization, accept: 'application/vnd.github+json' };
      return parseAnswer((await post({ url, headers })).text);
    },
  });
  return app.token;
}
