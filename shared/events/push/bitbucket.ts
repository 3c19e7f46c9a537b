import { z } from 'zod';
import {
  commitId,
  commitOrNone,
  headerOf,
  isSigned,
  parseBody,
  type MovedRef,
  type Pull,
  type Push,
  type Webhook,
  type WebhookCall,
} from './push.ts';

const tipSchema = z.object({ type: z.string(), name: z.string(), target: z.object({ hash: commitId }) });

/** Cloud's `repo:push`: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Push */
const cloudSchema = z.object({
  push: z.object({ changes: z.array(z.object({ new: tipSchema.nullish(), old: tipSchema.nullish() })) }),
  repository: z.object({
    full_name: z.string(),
    links: z.object({ html: z.object({ href: z.string() }).optional() }).optional(),
  }),
});

/**
 * Cloud's `pullrequest:…`, of which a commit is told by its first 12 digits:
 * https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Pull-request-events
 */
const cloudPullSchema = z.object({
  pullrequest: z.object({
    id: z.int().positive(),
    source: z.object({ commit: z.object({ hash: z.string().regex(/^[0-9a-f]{12,40}$/) }) }),
    destination: z.object({ branch: z.object({ name: z.string() }) }),
  }),
  repository: cloudSchema.shape.repository,
});

/** Data Center's `repo:refs_changed`: https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html */
const dataCenterSchema = z.object({
  date: z.string().optional(),
  repository: z.object({
    slug: z.string(),
    project: z.object({ key: z.string() }),
    links: z.object({ clone: z.array(z.object({ href: z.string() })).optional() }).optional(),
  }),
  changes: z.array(z.object({ ref: z.object({ id: z.string() }), fromHash: commitId, toHash: commitId })),
});

const pulledRefSchema = z.object({
  id: z.string(),
  latestCommit: commitId,
  repository: dataCenterSchema.shape.repository.extend({ id: z.int() }),
});
/** Data Center's `pr:…`: https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html */
const dataCenterPullSchema = z.object({
  eventKey: z.string(),
  pullRequest: z.object({ id: z.int().positive(), fromRef: pulledRefSchema, toRef: pulledRefSchema }),
  /** Of `pr:modified`: what it was to be merged into before, which may be the same. */
  previousTarget: z.object({ id: z.string() }).nullish(),
});

/** What a plan is made of, or lets one be made, of those of both. */
const pullEvents: readonly string[] = [
  ...['pullrequest:created', 'pullrequest:updated'],
  ...['pr:opened', 'pr:from_ref_updated', 'pr:modified', 'pr:reviewer:approved'],
];

/** Bitbucket Cloud and Bitbucket Data Center, which tell one push in two shapes, and may tell several refs at once. */
export const bitbucket: Webhook = {
  isFrom: (headers) => headers['x-event-key'] !== undefined,
  signatureHeaders: ['x-hub-signature'],
  keyOf: (secret) => Buffer.from(secret),
  isAuthentic: ({ headers, rawBody, secret }) =>
    secret !== '' &&
    isSigned({ signature: headerOf(headers, 'x-hub-signature'), body: rawBody, secret, prefix: 'sha256=' }),
  kindOf(headers) {
    const event = headerOf(headers, 'x-event-key');
    if (event === 'diagnostics:ping') return 'ping';
    if (event !== undefined && pullEvents.includes(event)) return 'pull';
    return event === 'repo:push' || event === 'repo:refs_changed' ? 'push' : 'other';
  },
  deliveryOf: (headers) => headerOf(headers, 'x-request-uuid') ?? headerOf(headers, 'x-request-id'),
  parsePush: (call) =>
    headerOf(call.headers, 'x-event-key') === 'repo:push' ? parseCloud(call) : parseDataCenter(call),
  parsePull: (call) =>
    headerOf(call.headers, 'x-event-key')?.startsWith('pr:') === true
      ? parseDataCenterPull(call)
      : parseCloudPull(call),
};

/** That somebody approved what is of a fork lets it be planned: who did, and what, is asked of the host. */
function parseDataCenterPull(call: WebhookCall): Pull {
  const { eventKey, pullRequest: pull, previousTarget } = parseBody(dataCenterPullSchema, call);
  const { id: number, fromRef, toRef } = pull;
  const { slug, project, links } = toRef.repository;
  const isOther =
    (eventKey === 'pr:modified' && (previousTarget?.id ?? toRef.id) === toRef.id) ||
    (eventKey === 'pr:reviewer:approved' && fromRef.repository.id === toRef.repository.id);
  return {
    ...{ urls: (links?.clone ?? []).map(({ href }) => href), fullName: `${project.key}/${slug}` },
    ...{ number, base: toRef.id.replace(/^refs\/heads\//, ''), head: fromRef.latestCommit },
    ...{ became: isOther ? 'other' : 'changed', labels: [] },
  };
}

/** Whether it was pushed to, moved or worded anew, Cloud does not say. */
function parseCloudPull(call: WebhookCall): Pull {
  const { pullrequest: pull, repository } = parseBody(cloudPullSchema, call);
  const page = repository.links?.html?.href;
  return {
    ...{ urls: page === undefined ? [] : [page], fullName: repository.full_name },
    ...{ number: pull.id, base: pull.destination.branch.name, head: pull.source.commit.hash },
    ...{ became: 'changed', labels: [] },
  };
}

function parseCloud(call: WebhookCall): Push {
  const { push, repository } = parseBody(cloudSchema, call);
  const refs = push.changes.flatMap((change): MovedRef[] => {
    const tip = change.new ?? change.old;
    if (tip === null || tip === undefined) return [];
    // Mercurial's branches are gone, and their word for it stays in old payloads.
    const folder = tip.type === 'branch' || tip.type === 'named_branch' ? 'heads' : 'tags';
    return [{ ref: `refs/${folder}/${tip.name}`, before: change.old?.target.hash, after: change.new?.target.hash }];
  });
  const page = repository.links?.html?.href;
  return { urls: page === undefined ? [] : [page], fullName: repository.full_name, refs, isDated: false };
}

function parseDataCenter(call: WebhookCall): Push {
  const { repository, changes, date } = parseBody(dataCenterSchema, call);
  return {
    urls: (repository.links?.clone ?? []).map(({ href }) => href),
    fullName: `${repository.project.key}/${repository.slug}`,
    refs: changes.map(({ ref, fromHash, toHash }) => ({
      ref: ref.id,
      before: commitOrNone(fromHash),
      after: commitOrNone(toHash),
    })),
    isDated: date !== undefined,
  };
}
