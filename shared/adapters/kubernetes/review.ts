import { z } from 'zod';
import type { Permissions } from '../../ports/permissions.ts';
import { call, refused, type Connection } from './requests.ts';

const reviewSchema = z.object({ status: z.object({ allowed: z.boolean(), reason: z.string().default('') }) });
const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/**
 * Asks the API server whether who asks may do something. Nothing is kept of it.
 * https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
 */
export async function reviewAccess(
  connection: Connection,
  {
    verb,
    resource: { group, plural },
    namespace,
    name,
  }: Omit<Parameters<Permissions['inCluster']>[0], 'cluster' | 'repository' | 'environment'>,
): Promise<{ allowed: boolean; reason: string }> {
  const resourceAttributes = { verb, group, resource: plural, namespace, name };
  const review = {
    ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' },
    spec: { resourceAttributes },
  };
  const answer = await call(connection, {
    ...{ method: 'POST', path, contentType: 'application/json', body: JSON.stringify(review) },
  });
  const told = reviewSchema.safeParse(answer.body).data;
  if (told === undefined) throw refused({ connection, method: 'POST', path, answer });
  return told.status;
}
