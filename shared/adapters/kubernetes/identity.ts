import { ConvergeError } from '../../base/errors.ts';
import { environmentGroup, environmentUser } from '../../rbac/environment-user.ts';

/** The environment as which requests are made. */
export interface ActingAs {
  readonly repository: string;
  readonly environment: string;
}

/**
 * The API server adds the group `system:authenticated` itself.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
 */
export function impersonation(actingAs: ActingAs | undefined): Readonly<Record<string, string>> {
  return actingAs === undefined
    ? {}
    : { 'impersonate-user': environmentUser(actingAs), 'impersonate-group': environmentGroup };
}

export function rbacRemedy({ repository, environment }: ActingAs): string {
  return `\`converge rbac ${repository}/${environment}\` prints the rights that it needs`;
}

/**
 * What the API server says, with status 403, to who may not impersonate; since 1.36 also `cannot
 * impersonate-on:user-info:get path "/version"`.
 */
const cannotImpersonate = /\bcannot impersonate\b/;

/** The error for an answer that refuses the impersonation itself; undefined for any other. */
export function explainImpersonation({
  cluster,
  actingAs,
  status,
  message,
}: {
  cluster: string;
  actingAs: ActingAs;
  status: number;
  message: string;
}): ConvergeError | undefined {
  if (status !== 403 || !cannotImpersonate.test(message)) return undefined;
  const { repository, environment } = actingAs;
  return new ConvergeError({
    code: 'ImpersonationRefused',
    subject: `cluster ${cluster}`,
    message: `Converge may not act as ${environmentUser(actingAs)}: ${message}`,
    remedy: `apply what \`converge rbac ${repository}/${environment} --converge-account ACCOUNT\` prints`,
    disposition: 'refuse',
  });
}
