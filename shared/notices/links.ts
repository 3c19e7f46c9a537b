import { commitOf, isObjectId } from '../base/revision.ts';
import { holdsLogin } from '../base/url-login.ts';
import { repositoryAddress } from '../config/repository-address.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';
import { boundedText } from './bounded-text.ts';

/** Where somebody who is told may look: `url` is of http or https, as short as mail and chats take it, and holds no login. */
export interface NoticeLink {
  readonly title: string;
  readonly url: string;
}

/** The address of the repository of a class; undefined where it is not configured. */
export type RepositoryUrl = (repositoryClass: string) => string | undefined;

/** Characters of an address: what is longer is no link. */
const largestUrl = 500;
const largestTitle = 60;

/** The commit that is to blame, the build that made it, and what that uploaded, as far as they have an address. */
export function linksOf(alert: ReceivedAlert, { repositoryUrl }: { repositoryUrl: RepositoryUrl }): NoticeLink[] {
  const { commit, build, artifact, repository } = placesOf(alert);
  const page = commit === null ? undefined : commitUrl({ commit, repository: repositoryUrl(repository) });
  return [
    ...(page === undefined || commit === null ? [] : linkTo(page, () => `Commit ${commit.slice(0, 12)}`)),
    ...linkTo(build, ({ host }) => `Build at ${host}`),
    ...linkTo(artifact, ({ host }) => `Artifact at ${host}`),
  ];
}

interface Places {
  readonly repository: string;
  readonly commit: string | null;
  readonly build: string | null;
  readonly artifact: string | null;
}

function placesOf(alert: ReceivedAlert): Places {
  const none = { commit: null, build: null, artifact: null };
  switch (alert.kind) {
    case undefined: {
      const { repository, cause, revision } = alert.data;
      return { repository, ...none, commit: commitOf(revision), ...cause };
    }
    case 'upload': {
      const { repository, artifact } = alert.data;
      if (alert.topic === 'diff') return { repository, commit: null, build: alert.data.build, artifact };
      return { repository, commit: alert.data.commit, build: null, artifact };
    }
    default:
      return { repository: '', ...none };
  }
}

/** Anybody who uploads may have written the address: its host is shown. */
function linkTo(text: string | null, titled: (url: URL) => string): NoticeLink[] {
  const url = text === null ? null : URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || holdsLogin(url)) return [];
  const { href } = url;
  return href.length > largestUrl ? [] : [{ title: boundedText(titled(url), largestTitle), url: href }];
}

interface Branches {
  readonly from: string;
  readonly into: string;
}

/**
 * Of hosts that say in their name what they are: where each shows a commit, and where a person opens a pull request.
 * Bitbucket's own server has its repositories under `/scm/`.
 */
const hosts: readonly {
  readonly name: RegExp;
  readonly page: (path: string, commit: string) => string;
  readonly proposal: (path: string, branches: Branches) => string;
}[] = [
  {
    name: /(^|[.-])gitlab([.-]|$)/,
    page: (path, commit) => `${path}/-/commit/${commit}`,
    proposal: (path, { from, into }) =>
      `${path}/-/merge_requests/new?${query({ 'merge_request[source_branch]': from, 'merge_request[target_branch]': into })}`,
  },
  {
    name: /(^|[.-])(github|gitea|forgejo|codeberg)([.-]|$)/,
    page: (path, commit) => `${path}/commit/${commit}`,
    proposal: (path, { from, into }) => `${path}/compare/${inPath(into)}...${inPath(from)}`,
  },
  {
    name: /^bitbucket\.org$/,
    page: (path, commit) => `${path}/commits/${commit}`,
    proposal: (path, { from, into }) => `${path}/pull-requests/new?${query({ source: from, dest: into })}`,
  },
  {
    name: /(^|[.-])bitbucket([.-]|$)/,
    page: (path, commit) => `${bitbucketPath(path)}/commits/${commit}`,
    proposal: (path, { from, into }) =>
      `${bitbucketPath(path)}/pull-requests?create&${query({ sourceBranch: `refs/heads/${from}`, targetBranch: `refs/heads/${into}` })}`,
  },
];

function bitbucketPath(path: string): string {
  return path.replace(
    /^\/(?:scm\/)?([^/]+)\/([^/]+)$/,
    (_, project: string, name: string) => `/projects/${project}/repos/${name}`,
  );
}

function query(values: Readonly<Record<string, string>>): string {
  return new URLSearchParams(values).toString();
}

function inPath(branch: string): string {
  return branch.split('/').map(encodeURIComponent).join('/');
}

/** Where a person opens a pull request of one branch into another; undefined where the host is none that is known. */
export function proposalUrl({
  repository,
  ...branches
}: Branches & { readonly repository: string }): string | undefined {
  const { protocol, host, path } = partsOf(repositoryAddress(repository));
  const known = hosts.find(({ name }) => name.test(host));
  return known === undefined ? undefined : `${protocol}//${host}${known.proposal(path, branches)}`;
}

/** Undefined where the host is none that is known, or the commit no commit. */
function commitUrl({ commit, repository }: { commit: string; repository: string | undefined }): string | undefined {
  if (repository === undefined || !isObjectId(commit)) return undefined;
  const { protocol, host, path } = partsOf(repositoryAddress(repository));
  const known = hosts.find(({ name }) => name.test(host));
  return known === undefined ? undefined : `${protocol}//${host}${known.page(path, commit)}`;
}

/** By SSH, the page is at the host's usual port: where else, nobody says. */
function partsOf(address: string): { protocol: string; host: string; path: string } {
  const [, name, short] = /^([^/:]+):(?!\/\/)\/?(.+)$/.exec(address) ?? [];
  if (name !== undefined) return { protocol: 'https:', host: name, path: `/${short}` };
  const url = URL.parse(address);
  if (url === null) return { protocol: '', host: '', path: '' };
  const isWeb = /^https?:$/.test(url.protocol);
  return {
    protocol: isWeb ? url.protocol : 'https:',
    host: isWeb ? url.host : url.hostname,
    path: url.pathname,
  };
}
