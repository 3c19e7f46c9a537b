import type { Dispatcher } from 'undici';
import type { GitHostConfig } from '../config/git-hosts.ts';
import type { PlanReport } from '../notices/plan-report.ts';
import type { GitHosts, HostedProject, PullRequest } from '../ports/git-hosts.ts';
import { createDispatcher, type GitConnection } from './git/dispatcher.ts';
import { createGithubApp } from './git/github-app.ts';
import { patience } from './patience.ts';
import {
  proposeToBitbucketCloud,
  pullRequestOfBitbucketCloud,
  reportToBitbucketCloud,
  showPlanOnBitbucketCloud,
} from './sinks/bitbucket-cloud.ts';
import {
  proposeToBitbucketDataCenter,
  pullRequestOfBitbucketDataCenter,
  reportToBitbucketDataCenter,
  showPlanOnBitbucketDataCenter,
} from './sinks/bitbucket-data-center.ts';
import { proposeToGitea, pullRequestOfGitea, reportToGitea, showPlanOnGitea } from './sinks/gitea.ts';
import { proposeToGithub, pullRequestOfGithub, reportToGithub, showPlanOnGithub } from './sinks/github.ts';
import { proposeToGitlab, pullRequestOfGitlab, reportToGitlab, showPlanOnGitlab } from './sinks/gitlab.ts';
import { parseAnswer, type HostAccess, type HostProposal, type HostReport } from './sinks/host-calls.ts';
import { posting, type Connection, type Post } from './sinks/post.ts';
import { readToken } from './sinks/secrets.ts';

interface HostKind {
  /** As errors name it. */
  readonly receiver: string;
  report(asked: HostReport & { readonly host: GitHostConfig }): ReturnType<GitHosts['report']>;
  pullRequest(asked: HostAccess & { readonly number: number }): Promise<PullRequest>;
  showPlan(asked: HostAccess & { readonly report: PlanReport; readonly host: GitHostConfig }): Promise<void>;
  propose(asked: HostProposal): Promise<{ readonly url: string }>;
}

const kinds: Readonly<Record<GitHostConfig['kind'], HostKind>> = {
  github: {
    ...{ receiver: 'GitHub', pullRequest: pullRequestOfGithub, propose: proposeToGithub },
    report: async ({ host, ...asked }) => await reportToGithub({ ...asked, appId: appIdOf(host) }),
    showPlan: async ({ host, ...asked }) => await showPlanOnGithub({ ...asked, appId: appIdOf(host) }),
  },
  gitlab: {
    ...{ receiver: 'GitLab', report: reportToGitlab, pullRequest: pullRequestOfGitlab, propose: proposeToGitlab },
    showPlan: showPlanOnGitlab,
  },
  gitea: {
    ...{ receiver: 'Gitea', report: reportToGitea, pullRequest: pullRequestOfGitea, propose: proposeToGitea },
    showPlan: showPlanOnGitea,
  },
  bitbucketCloud: {
    ...{ receiver: 'Bitbucket', report: reportToBitbucketCloud, propose: proposeToBitbucketCloud },
    ...{ pullRequest: pullRequestOfBitbucketCloud, showPlan: showPlanOnBitbucketCloud },
  },
  bitbucketDataCenter: {
    ...{ receiver: 'Bitbucket', report: reportToBitbucketDataCenter, propose: proposeToBitbucketDataCenter },
    ...{ pullRequest: pullRequestOfBitbucketDataCenter, showPlan: showPlanOnBitbucketDataCenter },
  },
};

function appIdOf(host: GitHostConfig) {
  return host.kind === 'github' ? host.githubApp?.appId : undefined;
}

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
    const { receiver } = kinds[host.kind];
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
    if (host.kind !== 'github') return { ...at, token: await readToken({ file: host.tokenSecretFile, what: 'token' }) };
    const tokenOf = apps.get(key) ?? githubTokens(host, { post, now });
    apps.set(key, tokenOf);
    return { ...at, token: await tokenOf() };
  };
  return {
    report: async ({ branch, report, ...of }) =>
      await kinds[of.host.kind].report({ ...(await accessOf(of)), branch, report, host: of.host }),
    pullRequest: async ({ number, ...of }) =>
      await kinds[of.host.kind].pullRequest({ ...(await accessOf(of)), number }),
    showPlan: async ({ report, ...of }) =>
      await kinds[of.host.kind].showPlan({ ...(await accessOf(of)), report, host: of.host }),
    propose: async ({ host, connection, ...asked }) =>
      await kinds[host.kind].propose({
        ...asked,
        ...(await accessOf({ host, connection, project: asked.project })),
      }),
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
