import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ofType, project, text, type Resource } from './plan.ts';
import { root } from './tofu.ts';

/** Who may do what on which resource. `names` is empty where the kind says it all. */
export interface Grant {
  readonly who: string;
  readonly role: string;
  readonly kind: string;
  readonly names: readonly string[];
}

/** A row of the table, where a name may hold `<class>`, or be `<objects>` for whatever an operator names, and a further word about when it is there. */
export type Row = Grant & { readonly why: string };

/** The tables of docs/permissions.md: the grants, and the permissions of our own roles. */
export async function readPermissions(): Promise<{
  rows: readonly Row[];
  roles: ReadonlyMap<string, readonly string[]>;
}> {
  const lines = (await readFile(join(root, 'docs', 'permissions.md'), 'utf8')).split('\n');
  const tables = lines
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
  const bare = (cell: string): string => cell.replaceAll('`', '');
  const rows = tables.flatMap(([who = '', role = '', on = '', why]) => {
    if (why === undefined) return [];
    const [kind = '', names = ''] = on.split(': ');
    return [
      {
        who: bare(who),
        role: bare(role),
        kind,
        names: kind === 'secrets' ? [] : [...names.matchAll(/`([^`]*)`/g)].map(([, name = '']) => name),
        why,
      },
    ];
  });
  const roles = new Map(
    tables.flatMap(([role = '', permissions = '', ...more]) =>
      more.length > 0 ? [] : [[bare(role), bare(permissions).split(', ')] as const],
    ),
  );
  return { rows, roles };
}

/** Whether a row allows a grant of a plan. */
export function allows(row: Row, grant: Grant): boolean {
  // The pipeline's own project may be one of clusters or fleets, too.
  const kindMatches =
    row.kind === grant.kind || (grant.kind.startsWith('project') && row.kind.startsWith('projects of '));
  if (row.who !== grant.who || row.role !== grant.role || !kindMatches) return false;
  // What is confined in the table is confined in the plan, and the reverse; secrets and other kinds are told apart elsewhere.
  if (row.names.length === 0) return grant.names.length === 0;
  return grant.names.length > 0 && grant.names.every((name) => row.names.some((allowed) => matches(allowed, name)));
}

function matches(allowed: string, name: string): boolean {
  if (allowed === '<objects>') return name !== '';
  const [before = '', after] = allowed.split('<class>');
  return after === undefined
    ? allowed === name
    : name.startsWith(before) &&
        name.endsWith(after) &&
        /^[a-z0-9-]+$/.test(name.slice(before.length, name.length - after.length));
}

/** Types of resources that grant something, and how each says on what. Any other type with `iam` in its name is not known, and fails. */
const places: Readonly<Record<string, (grant: Resource) => Pick<Grant, 'kind' | 'names'>>> = {
  google_storage_bucket_iam_member: (grant) => ({ kind: bucketKind(text(grant, 'bucket')), names: confinedTo(grant) }),
  google_pubsub_topic_iam_member: (grant) => ({
    kind: 'topics',
    names: [text(grant, 'topic').replace(/^converge-/, '')],
  }),
  google_pubsub_subscription_iam_member: ({ address }) => ({
    kind: address.includes('.act_takes_letters[') ? 'subscriptions of dead letters' : 'subscriptions of the functions',
    names: [],
  }),
  google_secret_manager_secret_iam_member: () => ({ kind: 'secrets', names: [] }),
  google_cloud_run_service_iam_member: (grant) => ({ kind: 'functions', names: [functionOf(text(grant, 'service'))] }),
  // The name of an account is only known once it is there; whose it is, the address says.
  google_service_account_iam_member: ({ address }) => ({
    kind: 'accounts',
    names: [
      address
        .replace(/^.*\.pubsub_calls\["([a-z-]+)"\]$/, 'call-$1')
        .replace(/^.*\.ci_asks\["[a-z]+-([a-z]+)"\]$/, 'ci-$1'),
    ],
  }),
  google_artifact_registry_repository_iam_member: () => ({ kind: 'images', names: [] }),
  google_project_iam_member: (grant) => ({
    kind: text(grant, 'project') === project.id ? 'project' : 'projects',
    names: confinedTo(grant),
  }),
};
const definitions = [
  'google_project_iam_custom_role',
  'google_iam_workload_identity_pool',
  'google_iam_workload_identity_pool_provider',
];

/** Every grant of a plan, in the words of the table. */
export function grantsOf(resources: readonly Resource[]): readonly Grant[] {
  return resources.flatMap((resource) => {
    if (!resource.type.includes('_iam_') || definitions.includes(resource.type)) return [];
    const place = places[resource.type];
    if (place === undefined) throw new Error(`${resource.address}: a grant of a kind that this test does not know`);
    const on = place(resource);
    const who = whoIs(text(resource, 'member'));
    const asks =
      who === 'status-callers' && ['inspect', 'act'].some((name) => on.names.includes(name)) ? 'people' : who;
    return [{ who: asks, role: roleIn(resources, text(resource, 'role')), ...on }];
  });
}

/** A role of our own by its title, in small letters. */
function roleIn(resources: readonly Resource[], role: string): string {
  const own = ofType(resources, 'google_project_iam_custom_role').find(
    (each) => role === `projects/${text(each, 'project')}/roles/${text(each, 'role_id')}`,
  );
  return own === undefined ? role : text(own, 'title').toLowerCase();
}

function bucketKind(bucket: string): string {
  if (bucket.endsWith('-converge-state')) return 'state';
  return bucket.endsWith('-converge-source') ? 'source' : 'uploads';
}

const conditionSchema = z.array(z.object({ expression: z.string() }));

/** The names of objects, or of buckets, that a condition confines a grant to. */
function confinedTo({ address, values }: Resource): readonly string[] {
  const [condition] = conditionSchema.parse(values['condition'] ?? []);
  if (condition === undefined) return [];
  return condition.expression.split(' || ').map((part) => {
    const name = /^resource\.name(?:\.startsWith\(| == )"projects\/_\/buckets\/(?:[^/"]*\/objects\/)?([^"]*)"\)?$/.exec(
      part,
    )?.[1];
    if (name === undefined)
      throw new Error(`${address}: a condition that this test does not know: ${condition.expression}`);
    return name.startsWith('gcf-v2-sources-') ? 'gcf-v2-sources-…' : name;
  });
}

function functionOf(service: string): string {
  return service.replace(/^converge-/, '').replace(/^copy-artifact-.*/, 'copy-artifact');
}

function whoIs(member: string): string {
  if (member === 'allUsers' || member === 'allAuthenticatedUsers') return 'public';
  if (member.startsWith('principalSet:'))
    return /\/workloadIdentityPools\/converge-ci\/attribute\.pipeline\/[a-z0-9-]+$/.test(member) ? 'ci' : member;
  if (member === `serviceAccount:service-${project.number}@gcp-sa-pubsub.iam.gserviceaccount.com`)
    return 'pubsub-agent';
  if (member === `serviceAccount:service-${project.number}@gs-project-accounts.iam.gserviceaccount.com`)
    return 'storage-agent';
  const account = new RegExp(`^serviceAccount:converge-([a-z0-9-]+)@${project.id}\\.iam\\.gserviceaccount\\.com$`).exec(
    member,
  )?.[1];
  if (account === undefined) return /^(user|domain|serviceAccount):/.test(member) ? 'status-callers' : member;
  return account.startsWith('copy-') ? 'copy-artifact' : account.replace(/^ci-.*/, 'ci-status');
}

/** The roles of our own that a plan defines, by their title in small letters, with their permissions. */
export function customRolesOf(resources: readonly Resource[]): ReadonlyMap<string, readonly string[]> {
  const permissions = z.array(z.string());
  return new Map(
    ofType(resources, 'google_project_iam_custom_role').map((role) => [
      text(role, 'title').toLowerCase(),
      permissions.parse(role.values['permissions']),
    ]),
  );
}
