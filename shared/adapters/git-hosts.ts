import type { GitHostConfig } from '../config/git-hosts.ts';
import type { GitHosts } from '../ports/git-hosts.ts';
import { createGithubApp } from './git/github-app.ts';
import { patience } from './patience.ts';
import { reportToGithub } from './sinks/github.ts';
import { reportToGitlab } from './sinks/gitlab.ts';
import { parseAnswer } from './sinks/host-calls.ts';
import { posting, type Post } from './sinks/post.ts';
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
  const apps = new Map<string, () => Promise<string>>();
  return {
    async report({ host, ...asked }) {
      const receiver = host.kind === 'github' ? 'GitHub' : 'GitLab';
      const post = posting({ sink: host.name, receiver, answer, pauses });
      const at = { ...asked, sink: host.name, api: host.api, post };
      if (host.kind === 'gitlab')
        return await reportToGitlab({ ...at, token: await readToken({ file: host.tokenSecretFile, what: 'token' }) });
      const tokenOf = apps.get(host.name) ?? githubTokens(host, { post, now });
      apps.set(host.name, tokenOf);
      return await reportToGithub({ ...at, token: await tokenOf() });
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
