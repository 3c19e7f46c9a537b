import type { GuardedFunction } from '../shared/access/access.ts';

/** What one instance of a function has, how many calls it takes at a time, and how many instances there are at most. */
export interface FunctionSize {
  /** Its file system, with the clones, is part of it. */
  readonly memoryMiB: number;
  readonly cpu: number;
  /** Below the 600 s after which Pub/Sub delivers again. */
  readonly timeoutSeconds: number;
  readonly concurrency: number;
  readonly maxInstances: number;
}

/**
 * The sizes that Terraform and Firebase deploy. Neither can read this file: `terraform/<function>.tf` and
 * `functions.yaml` say them again, and test/unit/repeated-facts.test.ts holds them to it. The peaks are those of
 * docs/benchmarks.md.
 */
export const functionSizes: Readonly<Record<GuardedFunction | 'receivePush', FunctionSize>> = {
  // 200 MB of upload pass through memory in pieces (239 MiB), and lie in the file system once more. Calls of one burst
  // wait for the one that holds the lease, and cost nothing: in one instance they become one commit, and more instances
  // would not be faster.
  copyArtifact: { memoryMiB: 1024, cpu: 1, timeoutSeconds: 540, concurrency: 80, maxInstances: 2 },
  // 90 MiB, and a mebibyte for each call.
  receivePush: { memoryMiB: 256, cpu: 1, timeoutSeconds: 60, concurrency: 40, maxInstances: 5 },
  // 146 MiB for its libraries and a fetch. A message is a commit, and there are few.
  fanOut: { memoryMiB: 512, cpu: 1, timeoutSeconds: 540, concurrency: 4, maxInstances: 5 },
  // 607 MiB for 5,000 objects, and the renderer beside it may take limits.renderMiB: a second job has no room. Many
  // environments at a time are many instances.
  reconcile: { memoryMiB: 2048, cpu: 1, timeoutSeconds: 540, concurrency: 1, maxInstances: 20 },
  // It copies uploads that nobody announced, as copyArtifact does. A second instance: where a look takes longer than
  // the schedule's pause, the next one is not turned away.
  checkDrift: { memoryMiB: 1024, cpu: 1, timeoutSeconds: 540, concurrency: 1, maxInstances: 2 },
  // 71 MiB, and 117 with the libraries of Storage, where it is written down what each sink was told, and of mail. An alert
  // goes to all sinks side by side; one that does not answer takes ten seconds a request, and a mail thirty.
  deliverAlert: { memoryMiB: 256, cpu: 1, timeoutSeconds: 120, concurrency: 10, maxInstances: 5 },
  // 124 MiB, and the memories of all environments.
  status: { memoryMiB: 512, cpu: 1, timeoutSeconds: 60, concurrency: 20, maxInstances: 3 },
  // What status reads, and one report at a time: 417 MiB where each of 1,000 environments has 100 incidents
  // (test/parts/large-report.test.ts).
  report: { memoryMiB: 512, cpu: 1, timeoutSeconds: 300, concurrency: 1, maxInstances: 2 },
  // It lists and renders what reconcile does, for one person at a time.
  inspect: { memoryMiB: 2048, cpu: 1, timeoutSeconds: 120, concurrency: 1, maxInstances: 3 },
  // What a person does reads a cluster and renders as inspect does, or holds an upload of 200 MB.
  act: { memoryMiB: 2048, cpu: 1, timeoutSeconds: 120, concurrency: 1, maxInstances: 3 },
  // The same for the environments of a pull request, four at a time.
  planChange: { memoryMiB: 4096, cpu: 2, timeoutSeconds: 540, concurrency: 1, maxInstances: 3 },
};

/**
 * What Google's builder gives the heap of a function, by `--max-old-space-size`: its memory but for 64 MB.
 * https://github.com/GoogleCloudPlatform/buildpacks/blob/main/cmd/nodejs/functions_framework/lib/lib.go
 */
export function heapMiB(name: keyof typeof functionSizes): number {
  return functionSizes[name].memoryMiB - 64;
}

/**
 * Bytes of the largest body that each function reads of a call; the others read none. It says how much of memory a
 * stranger may take of the webhook's door, and what its messages need of the others: more than that is refused, unread
 * where the call says its length.
 */
export const largestBodies = {
  // A push of a thousand commits. GitHub sends up to 25 MB; what is refused here is found by the schedule.
  receivePush: 1024 * 1024,
  // The description of one object, with its metadata and its list of access.
  copyArtifact: 1024 * 1024,
  // Names, and the id of a commit.
  reconcile: 64 * 1024,
  // An action, with its reason or a hundred ids.
  act: 64 * 1024,
  planChange: 64 * 1024,
  // The files of a folder that is planned, in base64: `mostFolderBytes` of them, and their paths.
  inspect: 6 * 1024 * 1024,
  // As large as Pub/Sub takes a message, 10 MB, and a third longer where it comes wrapped: what a commit is made of, and
  // what differs in an environment. https://docs.cloud.google.com/pubsub/quotas#resource_limits
  fanOut: 16 * 1024 * 1024,
  deliverAlert: 16 * 1024 * 1024,
} as const satisfies Partial<Readonly<Record<keyof typeof functionSizes, number>>>;
