import { z } from 'zod';
import { githubAppSchema } from './github-app.ts';
import { repositoryAddress } from './repository-address.ts';
import { origin } from './urls.ts';

/** Where Bitbucket Data Center has its API, and its context path before that. */
const restPath = /^(.*)\/rest\/api\/[^/]+$/;

const githubSchema = z
  .strictObject({
    /** A file that holds a token that may write statuses, deployments and comments. */
    tokenSecretFile: z.string().min(1).optional(),
    /** A GitHub App installed on the repositories, which mints its own tokens. */
    githubApp: githubAppSchema.optional(),
    /** Another one for GitHub Enterprise Server: `https://HOST/api/v3`. */
    api: origin.default('https://api.github.com'),
  })
  .refine(
    ({ tokenSecretFile: file, githubApp: app }) => (file === undefined) !== (app === undefined),
    'needs either `tokenSecretFile` or `githubApp`',
  );

const gitlabSchema = z.strictObject({
  /** A file that holds an access token with the scope `api`, of a Developer or more. */
  tokenSecretFile: z.string().min(1),
  /** Another one for a GitLab of your own: `https://HOST/api/v4`. */
  api: origin.default('https://gitlab.com/api/v4'),
});

const giteaSchema = z.strictObject({
  /** A file that holds an access token with the scopes `write:repository`, `write:issue` and `read:user`. */
  tokenSecretFile: z.string().min(1),
  /** Of Gitea or Forgejo: `https://HOST/api/v1`. */
  api: origin,
});

const bitbucketCloudSchema = z.strictObject({
  /** A file that holds an access token of the repository, project or workspace, with the scopes `repository` and `pullrequest:write`. */
  tokenSecretFile: z.string().min(1),
  api: origin.default('https://api.bitbucket.org/2.0'),
});

const bitbucketDataCenterSchema = z.strictObject({
  /** A file that holds an HTTP access token of a user, with the permission to write in the repository. */
  tokenSecretFile: z.string().min(1),
  /** `https://HOST/rest/api/latest`, behind the context path where there is one. */
  api: origin.refine((api) => restPath.test(new URL(api).pathname), 'ends with no `/rest/api/latest`'),
});

const longestLabel = 50;
const usualPlanLabel = 'converge/plan';

/** The label by which a maintainer lets what a fork proposes be planned, for the head that it has then. */
export function planLabelOf({ planLabel = usualPlanLabel }: Pick<GitHostConfig, 'planLabel'>): string {
  return planLabel;
}

const kinds = {
  github: githubSchema,
  gitlab: gitlabSchema,
  gitea: giteaSchema,
  bitbucketCloud: bitbucketCloudSchema,
  bitbucketDataCenter: bitbucketDataCenterSchema,
} as const;
type Kind = keyof typeof kinds;

const gitHostSchema = z
  .strictObject({
    name: z.string().min(1),
    /** Of which classes it is told; absent: of those whose repositories are there. */
    classes: z.array(z.string()).min(1, 'names no class: leave it away to mean all that are there').optional(),
    /** The label by which a maintainer lets what a fork proposes be planned; absent: `converge/plan`. */
    planLabel: z.string().min(1).max(longestLabel).optional(),
    github: kinds.github.optional(),
    gitlab: kinds.gitlab.optional(),
    gitea: kinds.gitea.optional(),
    bitbucketCloud: kinds.bitbucketCloud.optional(),
    bitbucketDataCenter: kinds.bitbucketDataCenter.optional(),
  })
  .transform(({ name, classes, planLabel, ...of }, context): GitHostConfig => {
    const common = {
      name,
      ...(classes === undefined ? {} : { classes }),
      ...(planLabel === undefined ? {} : { planLabel }),
    };
    const [found, ...others] = settingsOf(of);
    if (found !== undefined && others.length === 0) return { ...common, ...found };
    const has = found === undefined ? 'none' : others.length === 1 ? 'both' : 'several';
    context.addIssue({ code: 'custom', message: `needs one of ${Object.keys(kinds).join(', ')}, and has ${has}` });
    return z.NEVER;
  });

type Settings = { [K in Kind]: { readonly kind: K } & z.infer<(typeof kinds)[K]> }[Kind];

function settingsOf(of: { [K in Kind]?: z.infer<(typeof kinds)[K]> | undefined }): Settings[] {
  const { github, gitlab, gitea, bitbucketCloud: cloud, bitbucketDataCenter: dataCenter } = of;
  return [
    ...(github === undefined ? [] : [{ kind: 'github' as const, ...github }]),
    ...(gitlab === undefined ? [] : [{ kind: 'gitlab' as const, ...gitlab }]),
    ...(gitea === undefined ? [] : [{ kind: 'gitea' as const, ...gitea }]),
    ...(cloud === undefined ? [] : [{ kind: 'bitbucketCloud' as const, ...cloud }]),
    ...(dataCenter === undefined ? [] : [{ kind: 'bitbucketDataCenter' as const, ...dataCenter }]),
  ];
}

/** A Git host that is told what became of commits. */
export type GitHostConfig = {
  readonly name: string;
  readonly classes?: readonly string[] | undefined;
  readonly planLabel?: string | undefined;
} & Settings;

export const gitHostsSchema = z.array(gitHostSchema);

/** Of hosts whose API is elsewhere. */
const repositoryHosts: Readonly<Record<string, string>> = {
  'api.github.com': 'github.com',
  'api.bitbucket.org': 'bitbucket.org',
};

export interface RepositoryThere {
  readonly url: string;
  readonly aliases?: readonly string[] | undefined;
}

/**
 * The path by which a host knows the repository of a class, `family/develop`; undefined where that is not there, by its
 * `url` or one of its `aliases`, or the host is to be told nothing of the class.
 */
export function projectAt(
  { kind, api, classes }: Pick<GitHostConfig, 'api' | 'classes'> & { readonly kind?: GitHostConfig['kind'] },
  { repositoryClass, url, aliases = [] }: RepositoryThere & { readonly repositoryClass: string },
): string | undefined {
  if (classes !== undefined && !classes.includes(repositoryClass)) return undefined;
  const { hostname } = new URL(api);
  const host = repositoryHosts[hostname] ?? hostname;
  for (const address of [url, ...aliases]) {
    const [, at, path] = /^(?:[a-z+]+:\/\/)?([^/:]+)(?::\d+(?=\/))?[/:](.+)$/.exec(repositoryAddress(address)) ?? [];
    if (at === host && path !== undefined) return kind === 'bitbucketDataCenter' ? dataCenterPath(path, api) : path;
  }
  return undefined;
}

/** Bitbucket Data Center serves HTTP below its context path and `/scm`, and SSH not. */
function dataCenterPath(path: string, api: string): string {
  const context = `${restPath.exec(new URL(api).pathname)?.[1]?.slice(1) ?? ''}/`;
  const inside = context !== '/' && path.startsWith(context) ? path.slice(context.length) : path;
  return inside.replace(/^scm\//, '');
}
