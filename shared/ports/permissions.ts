/** What whoever asks may do, as the system itself says: nothing is written for it. */
export interface Permissions {
  /** Throws `CredentialsUnavailable` (retry) where Pub/Sub asks who it is, and nobody is signed in. */
  assertSignedIn(): Promise<void>;
  /**
   * Which of these rights there are on a bucket; `absent` where there is none of that name, `untold` where Storage does not
   * say. Throws `StorageUnavailable`, `CredentialsUnavailable` (retry).
   */
  ofBucket(asked: { bucket: string; rights: readonly string[] }): Promise<readonly string[] | 'absent' | 'untold'>;
  /** The same of a topic or a subscription, named with its prefix. Throws `PubSubUnavailable` (retry). */
  ofTopic(asked: { topic: string; rights: readonly string[] }): Promise<readonly string[] | 'absent' | 'untold'>;
  ofSubscription(asked: {
    subscription: string;
    rights: readonly string[];
  }): Promise<readonly string[] | 'absent' | 'untold'>;
  /** Resolves where the Git host would take a push. Throws what a push that is refused throws. */
  mayPush(repositoryClass: string): Promise<void>;
  /** The version of a cluster, as it says itself. Throws `ClusterUnavailable`, `ClusterRefused`, `SecretUnavailable`. */
  versionOf(asked: { cluster: string; repository: string; environment: string }): Promise<string>;
  /**
   * What a SelfSubjectAccessReview answers to the environment's own identity, or to Converge's where the cluster's
   * `identity` is `own`. Throws `ImpersonationRefused`, and as `versionOf` does.
   */
  inCluster(asked: {
    cluster: string;
    repository: string;
    environment: string;
    verb: string;
    resource: { group: string; plural: string };
    namespace: string;
    name: string;
  }): Promise<{ readonly allowed: boolean; readonly reason: string }>;
}
