import type { ObjectName, StorageRequest } from './storage-request.ts';

/** The accounts that ask Storage, as `terraform/` makes them: those of the functions, and of CI. */
export type StorageAccount =
  | 'copy-artifact'
  | 'receive-push'
  | 'fan-out'
  | 'reconcile'
  | 'check-drift'
  | 'deliver-alert'
  | 'status'
  | 'report'
  | 'inspect'
  | 'act'
  | 'plan-change'
  | 'ci';

/** Each class has an account of `copy-artifact` and of `ci` for itself. */
export interface AccountClass {
  readonly name: string;
  /** Its bucket. */
  readonly uploads: string;
}

type Permission = `storage.objects.${'get' | 'list' | 'create' | 'delete' | 'update'}`;

/** What roles hold of objects. https://docs.cloud.google.com/storage/docs/access-control/iam-roles */
const permissionsOf = {
  'roles/storage.objectViewer': ['storage.objects.get', 'storage.objects.list'],
  'roles/storage.objectUser': [
    ...(['storage.objects.get', 'storage.objects.list', 'storage.objects.create'] as const),
    ...(['storage.objects.delete', 'storage.objects.update'] as const),
  ],
  'roles/storage.objectCreator': ['storage.objects.create'],
  'roles/storage.legacyBucketReader': ['storage.objects.list'],
  // Roles of our own.
  'converge: ci replacer': ['storage.objects.delete'],
  'converge: ci reader': ['storage.objects.get'],
} as const satisfies Readonly<Record<string, readonly Permission[]>>;

export interface StorageGrant {
  readonly who: StorageAccount;
  readonly role: keyof typeof permissionsOf;
  /** `uploads`: the bucket of the account's class, or of each where the account has none. */
  readonly on: 'uploads' | 'state';
  /** What the names of objects begin with; empty: all, and the bucket may be listed. `<class>` is the account's. */
  readonly names: readonly string[];
}

/**
 * Who may do what in Storage. The tests hold it against what `terraform/` plans, so that here nobody may do more, or
 * less, than there.
 */
export const storageGrants: readonly StorageGrant[] = [
  { who: 'copy-artifact', role: 'roles/storage.objectViewer', on: 'uploads', names: [] },
  { who: 'copy-artifact', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  {
    ...{ who: 'copy-artifact', role: 'roles/storage.objectUser', on: 'state' },
    names: ['intake/<class>/', 'ledger/<class>.json', 'unreadable/<class>/', 'unreachable/<class>/'],
  },
  { who: 'receive-push', role: 'roles/storage.legacyBucketReader', on: 'state', names: [] },
  { who: 'receive-push', role: 'roles/storage.objectUser', on: 'state', names: ['deliveries/', 'unreadable/'] },
  { who: 'fan-out', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  { who: 'fan-out', role: 'roles/storage.objectUser', on: 'state', names: ['unreadable/', 'unreachable/'] },
  { who: 'reconcile', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  {
    ...{ who: 'reconcile', role: 'roles/storage.objectUser', on: 'state' },
    names: ['environments/', 'looks/', 'quarantine/', 'writeback/', 'unreadable/', 'unreachable/'],
  },
  { who: 'check-drift', role: 'roles/storage.objectViewer', on: 'uploads', names: [] },
  { who: 'check-drift', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  {
    ...{ who: 'check-drift', role: 'roles/storage.objectUser', on: 'state' },
    names: ['heads/', 'intake/', 'ledger/', 'writeback/', 'looks/', 'held/', 'unreadable/', 'unreachable/'],
  },
  { who: 'deliver-alert', role: 'roles/storage.legacyBucketReader', on: 'state', names: [] },
  { who: 'deliver-alert', role: 'roles/storage.objectUser', on: 'state', names: ['sinks/', 'held/', 'unreadable/'] },
  { who: 'status', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  { who: 'report', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  { who: 'report', role: 'roles/storage.objectUser', on: 'state', names: ['reports/', 'unreadable/'] },
  { who: 'inspect', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  { who: 'act', role: 'roles/storage.objectUser', on: 'uploads', names: [] },
  { who: 'act', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  { who: 'act', role: 'roles/storage.objectUser', on: 'state', names: ['acted/', 'held/acknowledged/'] },
  { who: 'plan-change', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  { who: 'plan-change', role: 'roles/storage.objectUser', on: 'state', names: ['plans/', 'unreadable/'] },
  // With `rights: follow`, and without `objects`.
  { who: 'ci', role: 'roles/storage.objectCreator', on: 'uploads', names: [] },
  { who: 'ci', role: 'converge: ci replacer', on: 'uploads', names: [] },
  { who: 'ci', role: 'converge: ci reader', on: 'uploads', names: [] },
  { who: 'ci', role: 'roles/storage.legacyBucketReader', on: 'uploads', names: [] },
  { who: 'ci', role: 'converge: ci reader', on: 'state', names: ['ledger/<class>.json'] },
  { who: 'ci', role: 'roles/storage.legacyBucketReader', on: 'state', names: [] },
];

/** What comes with `git_hosts`: those that a Git host is told of keep what it was told, and read how far environments are. */
export const gitHostGrants: readonly StorageGrant[] = [
  { who: 'fan-out', role: 'roles/storage.objectUser', on: 'state', names: ['commits/'] },
  { who: 'deliver-alert', role: 'roles/storage.objectViewer', on: 'state', names: [] },
  { who: 'deliver-alert', role: 'roles/storage.objectUser', on: 'state', names: ['commits/'] },
];

/** What is missing, and on what. */
export interface Denial {
  readonly permission: Permission;
  readonly object: string | undefined;
}

/** Whether the account may list, and what it may do with an object. */
export interface StorageRights {
  /** What a request lacks, where it lacks something. `exists`: whether the object that it writes is there. */
  denialOf(request: StorageRequest, exists: boolean): Denial | undefined;
  /** Only who may list is told that an object is not there. https://docs.cloud.google.com/storage/docs/access-control/iam-json */
  mayList(bucket: string): boolean;
}

export interface RightsContext {
  /** The one bucket that is not of uploads. */
  readonly stateBucket: string;
  /** Whose the account is, where it is of one. */
  readonly accountClass?: AccountClass;
  /** Absent: `storageGrants`. */
  readonly grants?: readonly StorageGrant[];
}

export function rightsOf(
  account: StorageAccount,
  { stateBucket, accountClass, grants = storageGrants }: RightsContext,
): StorageRights {
  const isOn = (on: StorageGrant['on'], bucket: string): boolean =>
    on === 'state' || bucket === stateBucket
      ? on === 'state' && bucket === stateBucket
      : accountClass === undefined || bucket === accountClass.uploads;
  const holds = (permission: Permission, { bucket, object }: ObjectName): boolean =>
    grants.some(({ who, role, on, names }) => {
      const held: readonly Permission[] = permissionsOf[role];
      if (who !== account || !held.includes(permission) || !isOn(on, bucket)) return false;
      if (names.length === 0) return true;
      // A condition on the names of objects holds for no bucket.
      return (
        permission !== 'storage.objects.list' && names.some((name) => beginsWith(object ?? '', name, accountClass))
      );
    });
  return {
    mayList: (bucket) => holds('storage.objects.list', { bucket, object: undefined }),
    denialOf: (request, exists) =>
      needsOf(request, exists)
        .filter(({ permission, of }) => !holds(permission, of))
        .map(({ permission, of }) => ({ permission, object: of.object }))[0],
  };
}

function beginsWith(object: string, name: string, accountClass: AccountClass | undefined): boolean {
  return !name.includes('<class>')
    ? object.startsWith(name)
    : accountClass !== undefined && object.startsWith(name.replace('<class>', accountClass.name));
}

interface Need {
  readonly permission: Permission;
  readonly of: ObjectName;
}

/** https://docs.cloud.google.com/storage/docs/access-control/iam-json */
function needsOf(request: StorageRequest, exists: boolean): readonly Need[] {
  switch (request.does) {
    case 'read':
      return [{ permission: 'storage.objects.get', of: request }];
    case 'update':
      return [{ permission: 'storage.objects.update', of: request }];
    case 'delete':
      return [{ permission: 'storage.objects.delete', of: request }];
    case 'write':
      return [
        ...request.sources.map((of): Need => ({ permission: 'storage.objects.get', of })),
        { permission: 'storage.objects.create', of: request },
        ...(exists ? [{ permission: 'storage.objects.delete', of: request } as const] : []),
      ];
    case 'list':
      return [{ permission: 'storage.objects.list', of: { bucket: request.bucket, object: undefined } }];
    case 'other':
      return [];
  }
}
