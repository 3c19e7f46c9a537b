import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { commitOf, revisionOf } from '../../base/revision.ts';
import type { Config, Limits } from '../../config/config.ts';
import { projectAt } from '../../config/git-hosts.ts';
import { declaredPaths, isMadeOf } from '../../environment/inputs.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { incidentsOf } from '../../memory/incidents.ts';
import { proposalUrl } from '../../notices/links.ts';
import type { Commit, Repository, TreeChange } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { actionMessage, parseAction } from '../../source/action-message.ts';
import { fileDiff } from '../../source/file-diff.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import { pauseBeforePush, triesToPush } from '../common/pauses.ts';
import { renderManifests } from '../common/render-manifests.ts';
import { memoryOf } from '../common/remembered-environments.ts';
import type { DiffAnswer } from '../inspect/answers.ts';
import { otherReaders, type OtherReader } from '../rollback/readers.ts';
import { acceptRefused, assertAcceptable, driftOf, type DriftedObject } from './accept/observed-drift.ts';
import { planAcceptance, type Acceptance, type Changes, type EditedTree } from './accept/plan-acceptance.ts';
import { proposalOf, titleOf } from './accept/proposal.ts';
import type { ActionOf } from './action.ts';

export interface AcceptPorts extends Pick<Ports, 'now' | 'sleep' | 'repository' | 'state' | 'renderer' | 'gitHosts'> {
  /** What differs in the cluster of an environment, as `inspect` tells it: as that environment's own user. */
  readonly diffOf: (asked: { repository: string; environment: string }) => Promise<DiffAnswer>;
}

export interface AcceptSettings extends Pick<Config, 'repositories'> {
  readonly alerts: Pick<Config['alerts'], 'gitHosts'>;
  readonly limits: Pick<Limits, 'renderSeconds' | 'renderMiB'>;
  /** What charts are told where an edit is tried. */
  readonly kubernetesVersion: string;
}

const fileSchema = z.object({ path: z.string(), diff: z.string().describe('As `diff -u` writes it') });

export const acceptResultSchema = z.object({
  outcome: z
    .enum(['proposed', 'planned', 'nothing'])
    .describe('`nothing`: the branch has it already, or nothing differs any more'),
  repository: z.string(),
  environment: z.string(),
  incident: z.string().describe('Its id'),
  base: z.string().describe('The revision of the branch that it is made for'),
  branch: z.string().nullable().describe('Null where nothing differs any more'),
  commit: z.string().nullable().describe('The commit at the tip of the branch; null where none was pushed'),
  message: z.string().nullable().describe('Of the commit, also of one that is only planned'),
  objects: z
    .array(
      z.object({
        object: z.string(),
        how: z
          .enum(['manifest', 'patch', 'values', 'ignored'])
          .describe('`ignored`: no one value of its chart makes it so, and a rule of the environment file ignores it'),
        file: z.string(),
        fields: z.array(z.string()).describe('Empty: the object as a whole, which somebody deleted'),
      }),
    )
    .describe('What was observed, object by object, and how Git comes to say it'),
  files: z.array(fileSchema).describe('What the commit changes'),
  shared: z.array(z.string()).describe('Other environments that are made of the same files'),
  pullRequest: z.string().nullable().describe('Its address'),
  openAt: z
    .string()
    .nullable()
    .describe('Where a person opens the pull request; null where there is one, or nobody knows'),
  unopened: z.string().nullable().describe('Why the Git host did not open one'),
});
/** What is logged of it: which files, and nothing of what they say, which may be secret. */
export const loggedAcceptSchema = acceptResultSchema.extend({ files: z.array(fileSchema.omit({ diff: true })) });
export type AcceptResult = Readonly<z.infer<typeof acceptResultSchema>>;

/** The environment of an action, and its branch. */
interface Asked {
  readonly action: ActionOf<'accept'>;
  readonly by: string;
  readonly repository: Repository;
  readonly name: string;
}

/**
 * Accepts an incident of drift: a branch on top of the head, with a pull request, that writes what was observed into Git, each
 * edit tried by a render. Asked twice, it is the same branch and the same pull request.
 *
 * Throws `AcceptRefused` (refuse) where there is nothing to accept or no edit for it, and what Git, the renderer, the state bucket
 * and `diffOf` throw. A host that does not open the pull request is told: the branch is there.
 */
export async function accept(
  action: ActionOf<'accept'>,
  by: string,
  ports: AcceptPorts,
  settings: AcceptSettings,
): Promise<AcceptResult> {
  const [repositoryClass = '', name = ''] = action.environment.split('/');
  const repository = ports.repository(repositoryClass);
  const asked: Asked = { action, by, repository, name };
  const memory = await memoryOf({ repository: repositoryClass, environment: name }, ports);
  const incident = incidentsOf(memory).find(({ id }) => id === action.incident);
  assertAcceptable(incident, { id: action.incident, key: action.environment });
  const answer = await ports.diffOf({ repository: repositoryClass, environment: name });
  const drifted = driftOf(incident, answer);
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined || commitOf(answer.revision) !== head.id)
    throw acceptRefused({
      subject: action.environment,
      message: 'was looked at as another commit says that it is: the branch moved meanwhile',
      remedy: 'ask again',
    });
  const others = await otherReaders({ repository, commit: head.id, except: name, ports });
  const acceptance = await acceptanceOf(asked, { head, drifted, others }, ports, settings);
  const found = { asked, head, acceptance, shared: sharedBy(acceptance, others) };
  if (drifted.length === 0) return await resultOf(found, { outcome: 'nothing', commit: null });
  if (action.dryRun) return await resultOf(found, { outcome: 'planned', commit: null });
  const pushed = await pushBranch(asked, { head, acceptance }, ports);
  const opened = await openProposal(found, ports, settings);
  return { ...(await resultOf(found, pushed)), ...opened };
}

function branchOf({ action }: Pick<Asked, 'action'>): string {
  return `converge/accept-${action.incident.replaceAll(/[^A-Za-z0-9-]/g, '-').slice(0, 16)}`;
}

async function acceptanceOf(
  { action, repository, name }: Asked,
  { head, drifted, others }: { head: Commit; drifted: readonly DriftedObject[]; others: readonly OtherReader[] },
  ports: AcceptPorts,
  { limits, kubernetesVersion }: AcceptSettings,
): Promise<Acceptance> {
  if (drifted.length === 0) return { changes: new Map(), objects: [] };
  const declared = await readEnvironment({ repository, commit: head.id, name });
  if (declared.state !== 'declared')
    throw acceptRefused({ subject: action.environment, message: 'is declared by no file at the head of the branch' });
  // Whether these kinds have namespaces is known by their objects.
  const resources = drifted.map(({ id: { group, kind, namespace } }) => ({
    ...{ group, kind, version: '', plural: '', namespaced: namespace !== undefined },
  }));
  const told = { kubernetesVersion, apiVersions: [], resources, limits };
  const tree: EditedTree = {
    read: async (path) => await readText({ repository, commit: head.id, path }),
    isShared: (path) => others.some(({ paths }) => isMadeOf(paths, path)),
    async render(changes) {
      const draft = await commitOn(head, { repository, changes, message: 'Try' });
      const at = draft === 'unchanged' ? head.id : draft.id;
      const { manifests } = await renderManifests(
        { repository: repository.repositoryClass, environment: name, ...told },
        {
          read: async (environment) => readEnvironment({ repository, commit: at, name: environment }),
          checkout: async (environment) => repository.checkout(at, declaredPaths(environment)),
        },
        ports,
      );
      const objects = new Map<string, KubernetesObject>();
      const sources = new Map<string, string>();
      for (const { desired, hook } of manifests) {
        const key = hook === undefined ? desired.key : `${hook.release} ${hook.events.join()} ${desired.key}`;
        objects.set(key, desired.object);
        sources.set(key, desired.source);
      }
      return { objects, sources };
    },
  };
  return await planAcceptance(drifted, { environment: declared.environment, tree });
}

/** Undefined for what is no text in UTF-8, too: it would not be written back as it was. */
async function readText({
  repository,
  commit,
  path,
}: {
  repository: Repository;
  commit: string;
  path: string;
}): Promise<string | undefined> {
  const bytes = await repository.readFile({ commit, path });
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

async function commitOn(
  head: Commit,
  { repository, changes, message }: { repository: Repository; changes: Changes; message: string },
): Promise<Commit | 'unchanged'> {
  const made = await Promise.all(
    [...changes].map(async ([path, text]): Promise<TreeChange> => {
      const entry = await repository.entry({ commit: head.id, path });
      const content = text === undefined ? undefined : Buffer.from(text);
      return { path, content, executable: entry?.kind === 'executable' };
    }),
  );
  return made.length === 0 ? 'unchanged' : await repository.commit({ parent: head.id, changes: made, message });
}

function messageOf({ action, by, name }: Asked, { objects }: Acceptance): string {
  const { environment, reason, incident } = action;
  const subject = titleOf({ environment, objects });
  return actionMessage({ action: 'accept', subject, environment: name, by, reason, incident });
}

/**
 * The branch of the incident, with one commit on top of the head: as it is where it says the same already, else made anew,
 * where nobody else committed to it.
 */
async function pushBranch(
  asked: Asked,
  { head, acceptance }: { head: Commit; acceptance: Acceptance },
  ports: Pick<AcceptPorts, 'sleep'>,
): Promise<Done> {
  const { repository, action } = asked;
  const branch = branchOf(asked);
  const ref = `refs/heads/${branch}`;
  const made = await commitOn(head, { repository, changes: acceptance.changes, message: messageOf(asked, acceptance) });
  if (made === 'unchanged') return { outcome: 'nothing', commit: null };
  for (let attempt = 0; attempt < triesToPush.revert; attempt++) {
    if (attempt > 0) await ports.sleep(pauseBeforePush(attempt));
    const tip = await repository.fetchRef(ref);
    if (tip !== undefined && (await saysSame(tip, { repository, head, changes: acceptance.changes })))
      return { outcome: 'nothing', commit: tip.id };
    const said = tip === undefined ? undefined : parseAction(tip.message);
    if (tip !== undefined && (said?.action !== 'accept' || said.incident !== action.incident))
      throw acceptRefused({
        subject: branch,
        message: `has a commit of somebody else at its tip (${tip.id.slice(0, 12)}), and stays as it is`,
        remedy: 'merge or delete the branch, and ask again',
      });
    if ((await repository.writeRef({ name: ref, expected: tip?.id, commit: made.id })) === 'written')
      return { outcome: 'proposed', commit: made.id };
  }
  throw new ConvergeError({
    code: 'GitUnavailable',
    subject: repository.url,
    message: `the branch ${branch} moved during each of ${triesToPush.revert} pushes`,
    disposition: 'retry',
  });
}

/** What was merged before says nothing of what differs now. */
async function saysSame(
  tip: Commit,
  { repository, head, changes }: { repository: Repository; head: Commit; changes: Changes },
): Promise<boolean> {
  for (const [path, text] of changes) if ((await readText({ repository, commit: tip.id, path })) !== text) return false;
  return !(await repository.isAncestor({ ancestor: tip.id, descendant: head.id }));
}

interface Done {
  readonly outcome: AcceptResult['outcome'];
  readonly commit: string | null;
}

interface Found {
  readonly asked: Asked;
  readonly head: Commit;
  readonly acceptance: Acceptance;
  readonly shared: readonly string[];
}

function sharedBy({ changes }: Acceptance, others: readonly OtherReader[]): readonly string[] {
  return others
    .filter(({ paths }) => [...changes.keys()].some((path) => isMadeOf(paths, path)))
    .map(({ environment }) => environment)
    .sort();
}

async function resultOf({ asked, head, acceptance, shared }: Found, { outcome, commit }: Done): Promise<AcceptResult> {
  const { action, repository, name } = asked;
  const files = await Promise.all(
    [...acceptance.changes].map(async ([path, text]) => ({
      path,
      diff: fileDiff({
        path,
        before: (await readText({ repository, commit: head.id, path })) ?? '',
        after: text ?? '',
      }),
    })),
  );
  const isAny = acceptance.changes.size > 0;
  return {
    ...{ outcome, repository: repository.repositoryClass, environment: name, incident: action.incident },
    base: revisionOf({ branch: repository.branch, commit: head.id }),
    branch: isAny ? branchOf(asked) : null,
    commit,
    message: isAny ? messageOf(asked, acceptance) : null,
    objects: acceptance.objects.map((one) => ({ ...one, fields: [...one.fields] })),
    files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    ...{ shared: [...shared], pullRequest: null, openAt: null, unopened: null },
  };
}

/** The branch is there, whatever a host says of the pull request. */
async function openProposal(
  { asked, acceptance, shared }: Found,
  { gitHosts }: Pick<AcceptPorts, 'gitHosts'>,
  { repositories, alerts }: AcceptSettings,
): Promise<Pick<AcceptResult, 'pullRequest' | 'openAt' | 'unopened'>> {
  const { action, by, repository } = asked;
  const { repositoryClass } = repository;
  const [from, into] = [branchOf(asked), repository.branch];
  const openAt = proposalUrl({ repository: repository.url, from, into }) ?? null;
  const settings = repositories[repositoryClass];
  if (settings === undefined) return { pullRequest: null, openAt, unopened: null };
  const { environment, incident, reason } = action;
  const { title, body } = proposalOf({ environment, incident, by, reason, objects: acceptance.objects, shared });
  const { tls, proxy, proxySecretFile } = settings;
  for (const host of alerts.gitHosts) {
    const project = projectAt(host, { ...settings, repositoryClass });
    if (project === undefined) continue;
    try {
      const connection = { tls, proxy, proxySecretFile };
      const { url } = await gitHosts.propose({ host, connection, project, from, into, title, body });
      return { pullRequest: url, openAt: null, unopened: null };
    } catch (error) {
      if (error instanceof ConvergeError) return { pullRequest: null, openAt, unopened: error.message };
      throw error;
    }
  }
  return { pullRequest: null, openAt, unopened: null };
}
