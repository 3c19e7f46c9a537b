import { deploymentOf, type FunctionName } from './deployments.ts';
import type { LostAnswers } from './fronts/lost-answers.ts';
import { createStorageFront, type StorageCall, type StorageClient } from './fronts/storage-front.ts';
import type { StorageAccount, StorageGrant } from './fronts/storage-grants.ts';

/** Where Storage answers whom: `http://127.0.0.1:PORT` of each. */
export interface StorageAccess {
  /** All functions where they share a process, with the rights of all. */
  readonly functions: string;
  /** People and tests, with all rights; no answer to them is lost. */
  readonly others: string;
  /** A deployment, by its name, or CI of a class (`ci-master`), with the rights of their accounts. */
  of(account: string): string;
  stop(): Promise<void>;
}

const accounts = {
  copyArtifact: 'copy-artifact',
  receivePush: 'receive-push',
  fanOut: 'fan-out',
  reconcile: 'reconcile',
  checkDrift: 'check-drift',
  deliverAlert: 'deliver-alert',
  status: 'status',
  report: 'report',
  inspect: 'inspect',
  act: 'act',
  planChange: 'plan-change',
} as const satisfies Record<FunctionName, StorageAccount>;

export interface StorageAccessOptions {
  /** `http://127.0.0.1:PORT` of the server. */
  readonly target: string;
  readonly stateBucket: string;
  /** By class, its bucket of uploads. */
  readonly uploads: Readonly<Record<string, string>>;
  /** Of the functions' writes. */
  readonly lost?: LostAnswers;
  readonly grants?: readonly StorageGrant[];
  readonly onCall?: (call: StorageCall) => void;
}

/** Opens a front of the server for each who asks it. */
export async function openStorageAccess({ uploads, lost, ...options }: StorageAccessOptions): Promise<StorageAccess> {
  const front = createStorageFront(options);
  const disturbed = lost === undefined ? {} : { lost };
  const [functions, others] = await Promise.all([front.open(disturbed), front.open({})]);
  const urls = new Map<string, string>();
  for (const [name, client] of Object.entries(clientsOf(uploads)))
    urls.set(name, await front.open(client.account === 'ci' ? client : { ...client, ...disturbed }));
  return {
    functions,
    others,
    of(account) {
      const url = urls.get(account);
      if (url === undefined) throw new Error(`no account of Storage is named ${account}`);
      return url;
    },
    stop: front.stop,
  };
}

/** Where the server answers everybody, without a limit. */
export function withoutFront(url: string): StorageAccess {
  return { functions: url, others: url, of: () => url, stop: async () => {} };
}

function clientsOf(uploads: StorageAccessOptions['uploads']): Readonly<Record<string, StorageClient>> {
  const classes = Object.entries(uploads).map(([name, bucket]) => ({ name, uploads: bucket }));
  const { copyArtifact: copies, ...others } = accounts;
  return {
    ...Object.fromEntries(Object.entries(others).map(([name, account]) => [name, { account }])),
    ...Object.fromEntries(
      classes.flatMap((accountClass) => [
        [deploymentOf('copyArtifact', accountClass.name), { account: copies, accountClass }],
        [`ci-${accountClass.name}`, { account: 'ci', accountClass } as const],
      ]),
    ),
  };
}
