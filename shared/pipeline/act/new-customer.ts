import { z } from 'zod';
import {
  makeCustomer,
  pathsToLookAt,
  planCustomer,
  type CustomerFile,
  type CustomerPlan,
  type Found,
} from '../../environment/new-customer.ts';
import type { Repository } from '../../ports/git.ts';
import { actionMessage } from '../../source/action-message.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { commitOnBranch, type OnHead } from '../common/commit-on-branch.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import type { ActionOf } from './action.ts';
import { announcementShape, announcing } from './announcing.ts';
import type { ChangePorts } from './change-environment-file.ts';
import { actionRefused } from './refusals.ts';

const fileSchema = z.object({
  path: z.string().describe('From the root of the repository'),
  from: z.string().describe('The file that it was made from'),
  content: z
    .string()
    .nullable()
    .describe('What is written; null where it was committed, or is there: the branch has it'),
});

export const newCustomerResultSchema = z.object({
  outcome: z
    .enum(['done', 'planned', 'nothing'])
    .describe('`nothing`: the branch has these files already, as they are'),
  repository: z.string().describe('The class'),
  environment: z.string().describe('The name of the new one, without a class'),
  from: z.string().describe('The one that it was made from'),
  files: z.array(fileSchema).describe('The environment file first'),
  left: z.array(z.string()).describe('What is left to a person'),
  commit: z.string().nullable().describe('Null where none was made'),
  message: z.string().nullable().describe('Of the commit, also of one that is only planned'),
});
export const newCustomerSchema = newCustomerResultSchema.extend(announcementShape);
/** What is logged of it: which files, and nothing of what they say, which may be secret. */
export const loggedCustomerSchema = newCustomerSchema.extend({
  files: z.array(fileSchema.omit({ content: true })),
});
export type NewCustomerResult = Readonly<z.output<typeof newCustomerResultSchema>>;
export type NewCustomer = Readonly<z.output<typeof newCustomerSchema>>;

interface Made {
  /** The branch has the files as they would be made. */
  readonly isThere: boolean;
  readonly plan: CustomerPlan;
  readonly files: readonly CustomerFile[];
  readonly left: readonly string[];
}

/**
 * The files of a new customer, made from those of another one, by one commit on top of the branch, and announces it. Nothing
 * that is there is overwritten: asked twice, also at once, it is one commit. A branch that moves meanwhile is looked at again.
 *
 * @param action.from `<class>/<name>`: an environment of the other customer's
 * Throws `ActionRefused` (refuse) where no file declares that, or the files cannot be made, `InvalidEnvironment` (refuse) where
 * the environment file cannot be read, or could not be, `UnknownRepository` (refuse), `GitUnavailable`, `StorageUnavailable`,
 * `PubSubUnavailable` (retry).
 */
export async function newCustomer(
  action: ActionOf<'new-customer'>,
  by: string,
  ports: ChangePorts,
): Promise<NewCustomerResult> {
  const [repositoryClass = '', from = ''] = action.from.split('/');
  const { reason, dryRun } = action;
  const repository = ports.repository(repositoryClass);
  if ((await fetchBranch({ repository, state: ports.state })) === undefined) throw absent(action.from);
  const done = await commitOnBranch<Made, never>(
    {
      ...{ repository, dryRun },
      async on(head): Promise<OnHead<Made, never>> {
        const made = await makeAt({ repository, head: head.id, action, from });
        const { environment } = made.plan;
        const subject = `Add ${environment}, made from ${from}`;
        return {
          changes: made.isThere
            ? []
            : made.files.map(({ path, content }) => ({ path, content: Buffer.from(content), executable: false })),
          message: actionMessage({ action: action.action, subject, environment, by, reason }),
          facts: made,
        };
      },
    },
    ports,
  );
  if (done.outcome === 'given') return done.given;
  const { plan, files, left } = done.facts;
  const isPlanned = done.outcome === 'planned';
  const facts = {
    ...{ repository: repositoryClass, environment: plan.environment, from, left: [...left] },
    files: files.map(({ path, from: other, content }) => ({ path, from: other, content: isPlanned ? content : null })),
  };
  if (done.outcome === 'unchanged') {
    const { id, parents } = done.head;
    // Told again: who asked before may have died after the push.
    if (!dryRun) await announceCommit({ repository, commit: id, previous: parents[0] ?? null }, ports);
    return { ...facts, outcome: 'nothing', commit: null, message: null };
  }
  const { commit, previous } = done;
  if (!isPlanned) await announceCommit({ repository, commit: commit.id, previous }, ports);
  return {
    ...facts,
    outcome: isPlanned ? 'planned' : 'done',
    commit: isPlanned ? null : commit.id,
    message: commit.message,
  };
}

/** The same, asked for on purpose: a commit that cannot be announced is there all the same. */
export async function newCustomerAction(
  action: ActionOf<'new-customer'>,
  by: string,
  ports: ChangePorts,
): Promise<NewCustomer> {
  return await announcing(ports, async (announced) => newCustomer(action, by, announced));
}

async function makeAt({
  repository,
  head: commit,
  action: { name, customer, from: key },
  from,
}: {
  repository: Repository;
  head: string;
  action: ActionOf<'new-customer'>;
  from: string;
}): Promise<Made> {
  const declared = await readEnvironment({ repository, commit, name: from });
  if (declared.state === 'absent') throw absent(key);
  if (declared.state === 'invalid') throw declared.error;
  const plan = planCustomer({ name, from: declared.environment, customer });
  if ('refused' in plan) throw actionRefused(plan.refused);
  const tree = new Map<string, Found>();
  for (const path of pathsToLookAt(plan)) tree.set(path, await findAt(repository, { commit, path }));
  const made = makeCustomer(plan, tree);
  if ('refused' in made) throw actionRefused(made.refused);
  return { plan, ...made };
}

async function findAt(repository: Repository, at: { commit: string; path: string }): Promise<Found> {
  const kind = (await repository.entry(at))?.kind;
  if (kind === undefined) return 'nothing';
  if (kind === 'folder') return 'folder';
  return kind === 'file' || kind === 'executable' ? ((await repository.readFile(at)) ?? 'other') : 'other';
}

function absent(key: string): ReturnType<typeof actionRefused> {
  return actionRefused({
    subject: key,
    message: 'no file of the branch declares such an environment',
    remedy: 'converge status lists those that are',
  });
}
