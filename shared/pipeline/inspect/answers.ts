import { z } from 'zod';
import { objectDiffSchema } from '../../drift/object-diff.ts';
import { healthStates } from '../../health/health.ts';

/*
 * What `inspect` answers, and the verbs of the command print: docs/contracts.md shows it. Values of Secrets are hidden
 * in all of it.
 */

/** What could not be looked at: it is never taken for absent, or for the same. */
const unreadSchema = z.object({ what: z.string(), message: z.string() });
export type Unread = Readonly<z.infer<typeof unreadSchema>>;

/** Whom an answer is about, and as of when. */
const aboutShape = {
  repository: z.string(),
  environment: z.string(),
  cluster: z.string(),
  /** The head of the branch. */
  revision: z.string(),
  at: z.string().describe('ISO 8601'),
  unread: z.array(unreadSchema).describe('What could not be looked at: it may be anything'),
  unhidden: z
    .array(unreadSchema)
    .describe('Secrets of its namespaces that could not be read: their values are not hidden in the answer'),
};
const aboutSchema = z.object(aboutShape);
export type About = Readonly<z.infer<typeof aboutSchema>>;

const shownObjectSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().nullable(),
  name: z.string(),
  health: z.object({ state: z.enum(healthStates), message: z.string() }),
  /** When it was made, by the cluster's clock. */
  createdAt: z.string().nullable(),
  /** When an apply of Converge changed it last: since then Converge manages it as it is. Null: it never did. */
  lastAppliedAt: z.string().nullable(),
  /** Who wrote something of it last but its status, whoever it was. */
  changed: z.object({ by: z.string(), at: z.string() }).nullable(),
  /** Where it is left alone by its annotation in the cluster: by whom, and until when. Null: it is not. */
  suspended: objectDiffSchema.shape.suspended.unwrap().nullable().default(null),
  /** The file in Git that it is made of. */
  source: z.string().nullable(),
  /** Title of the object that owns it; null for the environment's own. */
  owner: z.string().nullable(),
  /** 0 for the environment's own, 1 for what those own. */
  depth: z.int().nonnegative(),
});
export type ShownObject = Readonly<z.infer<typeof shownObjectSchema>>;

/** In the order of a tree: each object is followed by what it owns. */
export const objectsAnswerSchema = z.object({
  ...aboutShape,
  objects: z.array(shownObjectSchema).describe('Each is followed by what it owns'),
});
export type ObjectsAnswer = Readonly<z.infer<typeof objectsAnswerSchema>>;

const differenceSchema = objectDiffSchema.extend({
  /** `cluster`: somebody changed it there. `commit`: Git did, and no run has applied that yet. */
  by: z.enum(['cluster', 'commit']),
});
export type ObjectDifference = Readonly<z.infer<typeof differenceSchema>>;

export const diffAnswerSchema = z.object({
  ...aboutShape,
  objects: z
    .array(differenceSchema)
    .describe('What differs, as in the alert `diff`, and whether the cluster or a commit changed it'),
});
export type DiffAnswer = Readonly<z.infer<typeof diffAnswerSchema>>;

const shownEventSchema = z.object({
  /** Title of the object that it is of. */
  object: z.string(),
  type: z.string(),
  reason: z.string(),
  message: z.string(),
  count: z.int().positive(),
  first: z.string(),
  last: z.string(),
  /** Who reports it. */
  from: z.string(),
});
export type ShownEvent = Readonly<z.infer<typeof shownEventSchema>>;

/** Newest last. */
export const eventsAnswerSchema = z.object({
  ...aboutShape,
  events: z.array(shownEventSchema).describe('The newest last'),
  omitted: z.int().nonnegative().describe('How many older ones are not here'),
});
export type EventsAnswer = Readonly<z.infer<typeof eventsAnswerSchema>>;

const changeSchema = z.object({
  commit: z.string(),
  subject: z.string(),
  committedAt: z.string(),
  /** Who uploaded it, or committed it. */
  author: z.string().nullable(),
  /** `gs://bucket/name#generation` */
  artifacts: z.array(z.string()),
});

const explainedSchema = shownObjectSchema.omit({ depth: true, owner: true }).extend({
  /** The first cause of what is not healthy, where one thing can be named. */
  why: objectDiffSchema.shape.why.unwrap().nullable(),
  events: z.array(shownEventSchema),
  /** What it is made of, and which commit changed that last: null where that is older than the search goes. */
  inputs: z.array(z.object({ path: z.string(), lastChange: changeSchema.nullable() })),
});
export type ExplainedObject = Readonly<z.infer<typeof explainedSchema>>;

export const whyAnswerSchema = z.object({
  ...aboutShape,
  objects: z.array(explainedSchema).describe('More than one where kind and name are those of several'),
  waitsFor: z
    .array(z.string())
    .describe('What the environment waits for, in sentences: a lease, another environment, a roll-out, a person'),
});
export type WhyAnswer = Readonly<z.infer<typeof whyAnswerSchema>>;

const verdictSchema = z.enum(['accepted', 'rejected', 'undecided']);

const plannedObjectSchema = z.object({
  action: z
    .enum(['create', 'update', 'replace', 'prune', 'release', 'left'])
    .describe('`release`: given up, and stays. `left`: differs from Git, and stays as it is'),
  ...{ apiVersion: z.string(), kind: z.string(), namespace: z.string().nullable(), name: z.string() },
  source: z.string().nullable().describe('The file in Git that it is made of'),
  line: z.int().positive().nullable().describe('Where it begins in that file; only of plain YAML'),
  verdict: verdictSchema.describe(
    '`undecided`: nobody can be asked about it before the commit is applied. `rejected`: it fails, for the reason in `message`',
  ),
  message: z.string().describe('What is to be said beside it, in the words of the API server where it rejects it'),
  guarded: z
    .boolean()
    .default(false)
    .describe('Whether a guard keeps it from being pruned, so that the environment does not converge'),
  fields: objectDiffSchema.shape.fields.describe('Of an `update`: `observed` is now, `desired` comes'),
  omittedFields: z.int().nonnegative().describe('How many further fields change'),
  adoptedFrom: z.string().nullable().describe('Whose it is now; null: this environment has it, or nobody'),
  takesOver: z
    .array(z.object({ manager: z.string(), fields: z.array(z.string()) }))
    .describe('Fields that other managers have now'),
  restarts: z.int().nonnegative().nullable().describe('How many Pods are made anew; null: none by it'),
});
export type PlannedObjectAnswer = Readonly<z.infer<typeof plannedObjectSchema>>;

const plannedHookSchema = z.object({
  ...{ release: z.string(), event: z.string(), kind: z.string(), namespace: z.string().nullable(), name: z.string() },
  verdict: verdictSchema,
  message: z.string(),
});

/** What a commit would do to an environment, in the order of a run. */
export const planAnswerSchema = z.object({
  ...aboutShape,
  cluster: z.string().describe('Empty where none is known'),
  revision: z
    .string()
    .describe('What is planned: the head of the branch, `commit@sha1:…`, or of a folder `working-tree@sha1:…`'),
  outcome: z
    .enum(['planned', 'removed', 'suspended', 'frozen', 'refused', 'absent', 'described'])
    .describe(
      '`removed`: its file is not at that commit. `refused`: a run would apply nothing, for `message`. `described`: of a pull request, and not tried in the cluster, for `message`',
    ),
  message: z.string(),
  waitsFor: z.array(z.string()).describe('What the changes wait for, in sentences'),
  dependents: z.array(z.string()).describe('The environments that wait for this one'),
  objects: z.array(plannedObjectSchema).describe('All that would change, and what is left though Git says otherwise'),
  hooks: z.array(plannedHookSchema).describe('In order: those before the other objects, then those after them'),
  unchanged: z.int().nonnegative(),
  wouldChange: z.boolean().describe('Whether anything would change, or cannot be told'),
});
export type PlanAnswer = Readonly<z.infer<typeof planAnswerSchema>>;

/** The environments of a class that a commit, or the branch, declares. */
export const plansAnswerSchema = z.object({
  repository: z.string(),
  revision: z.string(),
  environments: z.array(z.string()).describe('By name, those that whoever asks may see'),
});
export type PlansAnswer = Readonly<z.infer<typeof plansAnswerSchema>>;

/** The words that answers themselves have, where they stand for themselves: a Secret that holds one does not hide it. */
export const answerWords: readonly string[] = [
  ...healthStates,
  ...differenceSchema.shape.by.options,
  ...objectDiffSchema.shape.change.options,
  ...plannedObjectSchema.shape.action.options,
  ...verdictSchema.options,
  ...planAnswerSchema.shape.outcome.options,
  ...['desired', 'observed', 'before', 'after', 'Normal', 'Warning'],
];
