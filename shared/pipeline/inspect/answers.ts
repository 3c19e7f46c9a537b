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
  managedSince: z.string().nullable(),
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
