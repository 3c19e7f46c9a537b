import { z } from 'zod';
import { accessSchema } from '../access/access.ts';
import { readDocument } from '../yaml/read-document.ts';
import { freezeSchema } from './freeze.ts';
import { gitHostsSchema, projectAt } from './git-hosts.ts';
import { githubAppSchema } from './github-app.ts';
import { reportsSchema } from './reports.ts';
import { sinksSchema } from './sinks.ts';
import { holdsNoLogin, noLogin, origin, plainUrl } from './urls.ts';

const aliasSchema = z
  .string()
  .min(1)
  .refine((alias) => !URL.canParse(alias) || holdsNoLogin(alias), noLogin);

const credentialsSchema = z
  .strictObject({
    /** A file that holds `user:password`, or a token alone. */
    file: z.string().min(1).optional(),
    /** A GitHub App installed on the repository, which mints its own tokens. */
    githubApp: githubAppSchema.optional(),
  })
  .refine(
    ({ file, githubApp }) => (file === undefined) !== (githubApp === undefined),
    'needs either `file` or `githubApp`',
  );

/** Whose signature a revision must carry: files of the operator, which no commit can change. */
const verifySchema = z
  .strictObject({ allowedSignersFile: z.string().min(1).optional(), openpgpKeysFile: z.string().min(1).optional() })
  .refine((verify) => verify.allowedSignersFile !== undefined || verify.openpgpKeysFile !== undefined, {
    error: 'expected allowedSignersFile, openpgpKeysFile, or both',
  });

const repositorySchema = z
  .strictObject({
    url: plainUrl({ remedy: 'put `user:password` into a file, and name it in `credentials.file`' }),
    /** Other addresses of it that its host writes in webhooks, as where `url` leads through a proxy. */
    aliases: z.array(aliasSchema).optional(),
    branch: z.string().min(1).default('main'),
    bucket: z.string().min(1),
    /**
     * The branches of the team's own repository that `converge upload` takes to this one: `*` stands for any text.
     * Absent: by the class.
     */
    branches: z.array(z.string().min(1)).optional(),
    /** Whether what converged is written back: a note of the commit, and `refs/converge/<environment>`. */
    writeback: z.boolean().default(true),
    credentials: credentialsSchema.optional(),
    /** What becomes of an upload to a path that somebody else changed since the last one. */
    conflicts: z.enum(['artifact-wins', 'refuse']).default('artifact-wins'),
    verify: verifySchema.optional(),
    /** PEM certificates of the authorities that the host is trusted by, beside the usual ones. */
    tls: z.strictObject({ caFile: z.string().min(1) }).optional(),
    /** An HTTP proxy that every connection to the host is tunnelled through (CONNECT). */
    proxy: plainUrl({ remedy: 'put the URL into a secret, and name its file in `proxySecretFile`' }).optional(),
    /** A file that holds its URL, with `user:password@` where it asks for them. */
    proxySecretFile: z.string().min(1).optional(),
  })
  .refine(
    ({ proxy, proxySecretFile }) => proxy === undefined || proxySecretFile === undefined,
    'has either `proxy` or `proxySecretFile`',
  );

const authorSchema = z.strictObject({
  name: z.string().min(1),
  email: z.string().min(1),
  /**
   * A file that holds a private SSH key without a passphrase, which signs every commit: OpenSSH's own format, or PKCS
   * #8 in PEM.
   */
  signingKey: z.strictObject({ file: z.string().min(1) }).optional(),
});

/** Names of Google's resources, as its APIs write them. */
const resource = (...parts: string[]): RegExp =>
  new RegExp(`^${parts.map((part) => `${part}/[A-Za-z0-9._:-]+`).join('/')}$`);
const gkeName = resource('projects', 'locations', 'clusters');
const membershipName = resource('projects', 'locations', 'memberships');
const secretVersionName = /^projects\/[A-Za-z0-9._:-]+\/secrets\/[A-Za-z0-9_-]+\/versions\/[A-Za-z0-9_-]+$/;

const clusterSchema = z
  .strictObject({
    /** A file. */
    kubeconfig: z.string().min(1).optional(),
    /** A version of a secret that holds one. */
    kubeconfigSecret: z
      .string()
      .regex(secretVersionName, 'expected projects/PROJECT/secrets/NAME/versions/VERSION')
      .optional(),
    /** A cluster of Google Kubernetes Engine. */
    gke: z.string().regex(gkeName, 'expected projects/PROJECT/locations/LOCATION/clusters/NAME').optional(),
    /**
     * Where it is reached; `auto`: by its DNS-based endpoint where that takes external traffic, else by its address.
     */
    endpoint: z.enum(['auto', 'dns', 'ip', 'connect-gateway']).optional(),
    /** Of its fleet, for `connect-gateway`. */
    membership: z
      .string()
      .regex(membershipName, 'expected projects/NUMBER/locations/LOCATION/memberships/NAME')
      .optional(),
    /** As whom environments act: as Converge's own account, or each as a user of its own. */
    identity: z.enum(['own', 'environment']).default('own'),
  })
  .transform(({ kubeconfig, kubeconfigSecret, gke, endpoint, membership, identity }, context): ClusterConfig => {
    const refuse = (message: string): never => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    if ([kubeconfig, kubeconfigSecret, gke].filter((way) => way !== undefined).length !== 1)
      return refuse('needs one of `gke`, `kubeconfig` and `kubeconfigSecret`');
    if (gke === undefined && (endpoint !== undefined || membership !== undefined))
      return refuse('`endpoint` and `membership` are for `gke` only');
    if ((endpoint === 'connect-gateway') !== (membership !== undefined))
      return refuse('`endpoint: connect-gateway` needs `membership`, and nothing else has one');
    // The gateway reaches the API server by impersonation itself, and Kubernetes nests none: whether it would refuse the
    // environment's user, or drop it and act as Converge, nobody has tried.
    if (membership !== undefined && identity === 'environment')
      return refuse('`endpoint: connect-gateway` takes no `identity: environment`: it cannot act as an environment');
    if (membership !== undefined) return { kind: 'gateway', membership, identity: 'own' };
    if (gke !== undefined)
      return {
        kind: 'gke',
        cluster: gke,
        endpoint: endpoint === 'dns' || endpoint === 'ip' ? endpoint : 'auto',
        identity,
      };
    return kubeconfigSecret === undefined
      ? { kind: 'kubeconfig', file: kubeconfig ?? '', identity }
      : { kind: 'kubeconfigSecret', version: kubeconfigSecret, identity };
  });

/** How a cluster is reached, and as whom environments act in it. */
export type ClusterConfig = { readonly identity: 'own' | 'environment' } & (
  | { readonly kind: 'kubeconfig'; readonly file: string }
  | { readonly kind: 'kubeconfigSecret'; readonly version: string }
  | { readonly kind: 'gke'; readonly cluster: string; readonly endpoint: 'auto' | 'dns' | 'ip' }
  | { readonly kind: 'gateway'; readonly membership: string; readonly identity: 'own' }
);

/** Where Google's APIs answer, for tests and restricted networks. */
const googleSchema = z.strictObject({
  container: origin.default('https://container.googleapis.com'),
  secretManager: origin.default('https://secretmanager.googleapis.com'),
  logging: origin.default('https://logging.googleapis.com'),
  monitoring: origin.default('https://monitoring.googleapis.com'),
  /** For every region; absent: the public host of each. */
  connectGateway: origin.optional(),
});

const checksSchema = z.strictObject({
  /**
   * How far apart the checks of the schedule are: digits with m or h. Terraform makes the schedule of it; functions.yaml
   * says the default once more.
   */
  interval: z
    .string()
    .regex(/^[1-9]\d*[mh]$/, 'expected digits with m or h, like 5m')
    .default('5m'),
});

const heartbeatSchema = z
  .strictObject({
    url: plainUrl({ remedy: 'put the URL into a secret, and name its file in `urlSecretFile`' }).optional(),
    /** A file that holds the URL: whoever knows it may keep the switch quiet. */
    urlSecretFile: z.string().min(1).optional(),
  })
  .refine(
    ({ url, urlSecretFile }) => (url === undefined) !== (urlSecretFile === undefined),
    'needs either `url` or `urlSecretFile`',
  );

const alertsSchema = z.strictObject({
  sinks: sinksSchema.default([]),
  /** Git hosts that are told what became of each commit: by statuses, deployments and comments on pull requests. */
  gitHosts: gitHostsSchema.default([]),
  /**
   * How long a secret, a key, a bucket or a cluster may not be readable before the log says so as an error, once: digits
   * with s, m or h.
   */
  unreadableAfter: z
    .string()
    .regex(/^\d+[smh]$/, 'expected digits with s, m or h, like 10m')
    .default('10m'),
  /**
   * How long a cluster, a Git host or a bucket may not answer before that is an incident of its own: digits with s, m or
   * h.
   */
  unreachableAfter: z
    .string()
    .regex(/^\d+[smh]$/, 'expected digits with s, m or h, like 2m')
    .default('2m'),
  /** A dead man's switch, which is asked (GET) after each full tick of the schedule, and wakes people where it is not. */
  heartbeat: heartbeatSchema.optional(),
});

/** Of one Git host: the secret that its calls are signed with. */
const webhookSchema = z.strictObject({ secretFile: z.string().min(1) });

/**
 * The Git hosts whose webhooks are understood. Each is read by its entry of `events/push/webhooks.ts`, which tsc misses
 * where there is none.
 */
const webhooksSchema = z.strictObject({
  github: webhookSchema.optional(),
  gitlab: webhookSchema.optional(),
  bitbucket: webhookSchema.optional(),
  gitea: webhookSchema.optional(),
});
export const webhookHosts = webhooksSchema.keyof().options;
export type WebhookHost = (typeof webhookHosts)[number];

const limitsSchema = z.strictObject({
  /** Bytes of one artifact as uploaded, and of an archive unpacked. */
  uploadBytes: z.int().positive().default(209_715_200),
  uploadFiles: z.int().positive().default(20_000),
  /** Unpacked bytes for each packed byte. */
  unpackRatio: z.number().positive().default(100),
  /** Objects of one environment. */
  objects: z.int().positive().default(20_000),
  renderSeconds: z.int().positive().default(60),
  renderMiB: z.int().positive().default(1024),
  /** How long one run may wait for roll-outs, hooks and deletions before a message of its own goes on with it. */
  waitSeconds: z.int().positive().default(30),
});

/** Each key for itself. */
export const configKeysSchema = z.strictObject({
  project: z.string().min(1),
  state: z.strictObject({ bucket: z.string().min(1) }),
  topicPrefix: z.string().default(''),
  repositories: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), repositorySchema),
  clusters: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), clusterSchema),
  google: googleSchema.prefault({}),
  author: authorSchema.default({ name: 'Converge', email: 'converge@example.com' }),
  webhooks: webhooksSchema.default({}),
  checks: checksSchema.prefault({}),
  alerts: alertsSchema.prefault({}),
  /** Scheduled reports; absent: none. */
  reports: reportsSchema.optional(),
  /** Times in which nothing is applied, healed or pruned. */
  freeze: freezeSchema.default([]),
  limits: limitsSchema.prefault({}),
  /** Where Cloud Storage answers, for the local pipeline; absent: Google Cloud. */
  storage: z.strictObject({ endpoint: z.url({ abort: true }).refine(holdsNoLogin, noLogin) }).optional(),
  /**
   * Where the `status` function answers, for the `converge` command; absent: it reads Git and the state bucket itself.
   */
  status: z
    .strictObject({
      url: z.url({ abort: true }).refine(holdsNoLogin, noLogin),
      audience: z.string().min(1).optional(),
    })
    .optional(),
  /** Where the `inspect` function answers, for the verbs of the `converge` command that look into a cluster. */
  inspect: z
    .strictObject({
      url: z.url({ abort: true }).refine(holdsNoLogin, noLogin),
      audience: z.string().min(1).optional(),
    })
    .optional(),
  /** Where the `act` function answers, for the verbs of the `converge` command that act; absent: by people's own rights. */
  act: z
    .strictObject({
      url: z.url({ abort: true }).refine(holdsNoLogin, noLogin),
      audience: z.string().min(1).optional(),
    })
    .optional(),
  /** Who may call the functions; absent: nobody. */
  access: accessSchema.optional(),
  /** The renderer's program; absent: `bin/render` beside the functions. */
  renderer: z.strictObject({ program: z.string().min(1) }).optional(),
});

/** The operator's configuration, the file that `CONVERGE_CONFIG` names. */
export const configSchema = configKeysSchema.superRefine((config, context) => {
  refuseUnreachedHosts(config, context);
  const {
    alerts: { sinks },
    repositories,
    clusters,
  } = config;
  for (const [sink, { only = [] }] of sinks.entries())
    for (const [selector, { classes = [], clusters: named = [] }] of only.entries()) {
      const path = ['alerts', 'sinks', sink, 'only', selector];
      for (const { key, index, message } of [
        ...unknownOf({ key: 'classes', patterns: classes, known: repositories }),
        ...unknownOf({ key: 'clusters', patterns: named, known: clusters }),
      ])
        context.addIssue({ code: 'custom', path: [...path, key, index], message });
    }
  for (const [report, { classes = [] }] of (config.reports ?? []).entries())
    for (const { key, index, message } of unknownOf({ key: 'classes', patterns: classes, known: repositories }))
      context.addIssue({ code: 'custom', path: ['reports', report, key, index], message });
  for (const [window, { classes = [] }] of config.freeze.entries())
    for (const { key, index, message } of unknownOf({ key: 'classes', patterns: classes, known: repositories }))
      context.addIssue({ code: 'custom', path: ['freeze', window, key, index], message });
  const people = config.access === undefined || config.access === 'open' ? [] : (config.access.people ?? []);
  for (const [entry, { classes = [] }] of people.entries())
    for (const { key, index, message } of unknownOf({ key: 'classes', patterns: classes, known: repositories }))
      context.addIssue({ code: 'custom', path: ['access', 'people', entry, key, index], message });
});

/** A host that is told of no repository would be silent for ever. */
function refuseUnreachedHosts(
  { alerts: { sinks, gitHosts }, repositories }: z.infer<typeof configKeysSchema>,
  context: z.RefinementCtx,
): void {
  const issue = (message: string, ...path: (string | number)[]) =>
    context.addIssue({ code: 'custom', path: ['alerts', 'gitHosts', ...path], message });
  for (const [index, host] of gitHosts.entries()) {
    const names = [...sinks, ...gitHosts.slice(0, index)].map(({ name }) => name);
    if (names.includes(host.name)) issue('is the name of two sinks', index, 'name');
    // Zod hands on, too, what is refused and was not transformed for that.
    if (!URL.canParse(host.api)) continue;
    for (const [at, name] of (host.classes ?? []).entries()) {
      const found = repositories[name];
      if (found === undefined) issue(`is ${name}, which is configured nowhere`, index, 'classes', at);
      else if (projectAt(host, { ...found, repositoryClass: name }) === undefined)
        issue(`is ${name}, whose repository is not where ${host.api} is`, index, 'classes', at);
    }
    const isAnyThere = Object.entries(repositories).some(
      ([name, repository]) => projectAt(host, { ...repository, repositoryClass: name }) !== undefined,
    );
    if (host.classes === undefined && !isAnyThere)
      issue(`no repository is where ${host.api} is: by \`url\` or \`aliases\``, index, host.kind);
  }
}

/** Of those that are configured so many are named. */
const namedKnown = 10;

/** Names without a star that are those of nothing: whoever is told of them alone would be told nothing. */
function unknownOf({ key, patterns, known }: { key: string; patterns: readonly string[]; known: object }) {
  const names = Object.keys(known);
  const there = `${names.slice(0, namedKnown).join(', ')}${names.length > namedKnown ? ', …' : ''}`;
  return patterns.flatMap((name, index) =>
    name.includes('*') || Object.hasOwn(known, name)
      ? []
      : [{ key, index, message: `is ${name}, which is configured nowhere: there is ${there}` }],
  );
}

export type Config = z.infer<typeof configSchema>;
export type RepositoryConfig = Config['repositories'][string];
export type HeartbeatConfig = NonNullable<Config['alerts']['heartbeat']>;
export type Limits = Config['limits'];

/** Throws `BadConfiguration` (refuse) naming file, line and key. */
export function parseConfig({ file, text }: { file: string; text: string }): Config {
  return readDocument({ file, text, schema: configSchema, code: 'BadConfiguration' });
}
