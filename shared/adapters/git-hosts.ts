import type { Dispatcher } from 'undici';
import type { GitHostConfig } from '../config/git-hosts.ts';
import type { GitHosts } from '../ports/git-hosts.ts';
import { createDispatcher, type GitConnection } from './git/dispatcher.ts';
import { createGithubApp } from './git/github-app.ts';
import { patience } from './patience.ts';
import { proposeToGithub, reportToGithub } from './sinks/github.ts';
import { proposeToGitlab, reportToGitlab } from './sinks/gitlab.ts';
import { parseAnswer } from './sinks/host-calls.ts';
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
  const opened = (host: GitHostConfig, settings: GitConnection) => {
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
    const tokenOf = async (): Promise<string> => {
      if (host.kind === 'gitlab') return await readToken({ file: host.tokenSecretFile, what: 'token' });
      const ofApp = apps.get(key) ?? githubTokens(host, { post, now });
      apps.set(key, ofApp);
      return await ofApp();
    };
    return { sink: host.name, api: host.api, post, tokenOf };
  };
  return {
    async report({ host, connection, ...asked }) {
      const { tokenOf, ...at } = opened(host, connection);
      const made = { ...asked, ...at, token: await tokenOf() };
      return host.kind === 'gitlab' ? await reportToGitlab(made) : await reportToGithub(made);
    },
    async propose({ host, connection, ...asked }) {
      const { tokenOf, ...at } = opened(host, connection);
      const made = { ...asked, ...at, token: await tokenOf() };
      return host.kind === 'gitlab' ? await proposeToGitlab(made) : await proposeToGithub(made);
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
