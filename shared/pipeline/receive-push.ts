import { webhookHosts, type Config, type RepositoryConfig, type WebhookHost } from '../config/config.ts';
import { withoutCredentials } from '../config/repository-address.ts';
import { ConvergeError } from '../base/errors.ts';
import { planLabelOf, projectAt, type GitHostConfig } from '../config/git-hosts.ts';
import { encodeChangeCommitted, type ChangeCommitted } from '../events/change-committed.ts';
import { encodePlanRequested, type PlanRequested } from '../events/plan-requested.ts';
import type { Pull, Push, WebhookCall } from '../events/push/push.ts';
import { repositoriesOf } from '../events/push/same-repository.ts';
import { signatureHeaders, webhookOf } from '../events/push/webhooks.ts';
import { deliveryPaths, rememberDelivery, wasDelivered } from './common/deliveries.ts';
import type { StateAccess } from './common/read-state.ts';
import type { Ports } from '../ports/ports.ts';
import type { WebhookSecret } from '../ports/webhook-secrets.ts';

export interface ReceivePushSettings {
  /** The secret shared with each Git host that is configured, or why nobody knows it now. */
  readonly secrets: Readonly<Partial<Record<WebhookHost, WebhookSecret>>>;
  readonly repositories: Config['repositories'];
  /** Those that show plans of pull requests. */
  readonly gitHosts: readonly GitHostConfig[];
}

/** What a webhook call meant. */
export type PushOutcome =
  | { readonly outcome: 'pong' }
  /** `further`: of a push to several branches that are configured. */
  | {
      readonly outcome: 'announced';
      readonly repository: string;
      readonly commit: string;
      readonly further?: readonly { readonly repository: string; readonly commit: string }[];
    }
  /** Of a pull request. */
  | { readonly outcome: 'plan asked'; readonly plans: readonly PlanRequested[] }
  /** Nothing of interest to the pipeline; `reason` says why. */
  | { readonly outcome: 'ignored'; readonly reason: string };

/**
 * Announces a push to the branch of a configured repository, and asks for the plan of a pull request to it; our own pushes come by here too, and their announcement is
 * the same event. A delivery that was announced before is ignored, which is no error: hosts deliver again.
 *
 * Throws `BadSignature` (refuse) before anything of the body is read, `BadRequest` (refuse) for an authentic body that
 * is no push and no pull request, and what keeps the secret of the call's host from being known (retry).
 */
export async function receivePush(
  call: WebhookCall,
  ports: StateAccess & Pick<Ports, 'now' | 'topics'>,
  settings: ReceivePushSettings,
): Promise<PushOutcome> {
  const { host, webhook } = authenticate(call, { now: ports.now(), settings });
  const kind = webhook.kindOf(call.headers);
  if (kind === 'ping') return { outcome: 'pong' };
  if (kind === 'pull' && webhook.parsePull !== undefined) {
    const pull = webhook.parsePull(call);
    const asked = plansOf({ pull, ...settings });
    if ('reason' in asked) return { outcome: 'ignored', reason: asked.reason };
    const { plans } = asked;
    // An old label that somebody sends again is of an old head, or is looked up.
    const delivered = deliveryPaths({ host, delivery: webhook.deliveryOf(call.headers), signedBody: undefined });
    if (await wasDelivered(delivered, ports)) return announcedBefore;
    for (const plan of plans) await ports.topics.publish('plan-change', encodePlanRequested(plan, ports.now()));
    await rememberDelivery(delivered, ports);
    return { outcome: 'plan asked', plans };
  }
  if (kind !== 'push') return { outcome: 'ignored', reason: `the event is no push` };

  const push = webhook.parsePush(call);
  const found = changesOf({ push, repositories: settings.repositories });
  if ('reason' in found) return { outcome: 'ignored', reason: found.reason };
  const paths = deliveryPaths({
    host,
    delivery: webhook.deliveryOf(call.headers),
    signedBody: push.isDated ? call.rawBody : undefined,
  });
  if (await wasDelivered(paths, ports)) return announcedBefore;

  const { changes } = found;
  for (const change of changes)
    await ports.topics.publish('change-committed', encodeChangeCommitted(change, ports.now()));
  // Not before it is announced: a call that failed is to come again.
  await rememberDelivery(paths, ports);
  const [first, ...further] = changes.map(({ repository, commit }) => ({ repository, commit }));
  if (first === undefined) return { outcome: 'ignored', reason: 'it moves no ref' };
  return { outcome: 'announced', ...first, ...(further.length === 0 ? {} : { further }) };
}

const announcedBefore: PushOutcome = { outcome: 'ignored', reason: 'this delivery was announced before' };

function authenticate(
  call: WebhookCall,
  { now, settings }: { now: Date; settings: ReceivePushSettings },
): NonNullable<ReturnType<typeof webhookOf>> {
  const configured = webhookHosts.filter((host) => settings.secrets[host] !== undefined);
  const found = webhookOf({ headers: call.headers, configured });
  if (found === undefined)
    throw badSignature({
      message: 'is from no Git host whose webhook is configured',
      remedy: `configured are ${configured.join(', ')}`,
    });
  const known = settings.secrets[found.host];
  if (known?.kind === 'unknown') throw known.error;
  if (found.webhook.isAuthentic({ ...call, secret: known?.secret ?? '', now })) return found;
  const isUnsigned = signatureHeaders.every((name) => call.headers[name] === undefined);
  const message = isUnsigned ? 'has no signature' : 'has a wrong signature';
  throw badSignature({
    message,
    remedy: `the secret of the webhook must be the one of webhooks.${found.host}.secretFile`,
  });
}

function badSignature(facts: { message: string; remedy: string }): ConvergeError {
  return new ConvergeError({ code: 'BadSignature', subject: 'webhook call', disposition: 'refuse', ...facts });
}

/** What a push changes of the configured branches, or why nothing. */
function changesOf({
  push,
  repositories,
}: {
  push: Push;
  repositories: Config['repositories'];
}): { readonly changes: readonly ChangeCommitted[] } | { readonly reason: string } {
  const configured = Object.entries(repositories).map(([repository, settings]) => ({ ...settings, repository }));
  const candidates = repositoriesOf({ push, configured });
  if (candidates.length === 0)
    return { reason: `${push.urls[0] ?? push.fullName ?? 'an unnamed repository'} is no configured repository` };
  const moved = candidates.flatMap((candidate) =>
    push.refs.filter(({ ref }) => ref === `refs/heads/${candidate.branch}`).map((ref) => ({ ...candidate, ...ref })),
  );
  if (moved.length === 0)
    return {
      reason: `${push.refs.map(({ ref }) => ref).join(', ') || 'what moved'} is not the branch of ${candidates[0]?.repository ?? ''}`,
    };
  const changes = moved.flatMap(({ repository, url, branch, before, after }) =>
    after === undefined ? [] : [change({ repository, url, branch, before, after })],
  );
  return changes.length === 0 ? { reason: `the branch ${moved[0]?.branch ?? ''} was deleted` } : { changes };
}

function change({
  repository,
  url,
  branch,
  before,
  after,
}: Pick<RepositoryConfig, 'url' | 'branch'> & {
  repository: string;
  before: string | undefined;
  after: string;
}): ChangeCommitted {
  return { repository, url: withoutCredentials(url), branch, commit: after, previous: before ?? null, artifacts: [] };
}

/** Of which classes a pull request is to be planned, or why of none. */
function plansOf({
  pull,
  repositories,
  gitHosts,
}: { pull: Pull } & Pick<ReceivePushSettings, 'repositories' | 'gitHosts'>):
  | { readonly plans: readonly PlanRequested[] }
  | { readonly reason: string } {
  const { number, base, head, became, labels } = pull;
  if (became === 'other') return { reason: 'it changes nothing that a plan is made of' };
  const configured = Object.entries(repositories).map(([repository, settings]) => ({ ...settings, repository }));
  const ofBranch = repositoriesOf({ push: pull, configured }).filter(({ branch }) => branch === base);
  if (ofBranch.length === 0) return { reason: `${base} is the branch of no configured repository there` };
  const shown = ofBranch.flatMap((settings) => {
    const host = gitHosts.find((one) => projectAt(one, { ...settings, repositoryClass: settings.repository }));
    return host === undefined ? [] : [{ repository: settings.repository, label: planLabelOf(host) }];
  });
  if (shown.length === 0) return { reason: 'no Git host of alerts.gitHosts shows plans of it' };
  const plans = shown.flatMap(({ repository, label }) => {
    const labelled = labels.includes(label);
    return became === 'labelled' && !labelled ? [] : [{ repository, number, head, labelled }];
  });
  return plans.length === 0 ? { reason: 'the label is another one' } : { plans };
}
