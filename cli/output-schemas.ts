import { z } from 'zod';

/*
 * What `--output json` prints, for those who read it: `status` and `report` print what the function and the message of
 * those names do. Keys may be added.
 */

const artifactSchema = z.object({ bucket: z.string(), name: z.string(), generation: z.string() });
const seconds = z.number().nonnegative();

/** `converge upload`, `converge retry-upload`. */
export const uploadOutputSchema = z.object({
  repository: z.string().describe('The class whose bucket took it'),
  artifacts: z.array(artifactSchema).describe('What was uploaded'),
  commits: z.array(z.string()).describe('The commits that it became'),
  environments: z
    .array(
      z.object({
        name: z.string(),
        state: z.string().describe('`Converged`, `Converging`, `Diverged`, `Failed`, `Suspended` or one that is added'),
        revision: z.string(),
        message: z.string(),
        diff: z.record(z.string(), z.unknown()).nullable().describe('The alert of the incident that is open'),
      }),
    )
    .nullable()
    .describe('What became of the environments that it affects; null without `--wait`'),
});

const changesSchema = z.object({
  created: z.number().int(),
  configured: z.number().int(),
  unchanged: z.number().int(),
  pruned: z.number().int(),
});
const convergenceSchema = z.object({
  environment: z.string(),
  at: z.string().describe('ISO 8601'),
  cluster: z.string(),
  seconds,
  changes: changesSchema,
  event: z.string().describe('Id of the alert that told it'),
  incident: z.string().nullable().describe('The incident that it closed'),
});
const provenanceSchema = z.object({
  commit: z.string(),
  subject: z.string().describe('The first line of its message'),
  committedAt: z.string().describe('ISO 8601'),
  artifacts: z.array(z.string()).describe('`gs://bucket/name#generation`'),
  sourceCommits: z.array(z.string()),
  builds: z.array(z.string()),
  uploadedBy: z.array(z.string()),
});

/** `converge history`. */
export const historyOutputSchema = z.object({
  environment: z.string(),
  repository: z.string(),
  removed: z
    .object({ state: z.string(), commit: z.string().nullable(), committedAt: z.string().nullable() })
    .nullable()
    .describe('The commit that removed its file; null: it is there'),
  entries: z
    .array(
      provenanceSchema.extend({
        revision: z.string(),
        state: z
          .string()
          .describe('`Converged`, `Failed`, `Attempted`, `Pending`, `Removing`, `Removed` or one that is added'),
        attemptedAt: z.string().nullable(),
        converged: z.array(convergenceSchema),
        failure: z
          .object({
            reason: z.string(),
            summary: z.string(),
            incident: z.string(),
            since: z.string(),
            alert: z.string().nullable(),
          })
          .nullable(),
      }),
    )
    .describe('The commits that changed it, the newest first'),
});

/** `converge trace`. */
export const traceOutputSchema = z.object({
  traces: z
    .array(
      z.object({
        object: z.object({
          group: z.string(),
          kind: z.string(),
          namespace: z.string().nullable(),
          name: z.string(),
        }),
        environment: z.string(),
        repository: z.string(),
        cluster: z.string(),
        revision: z.string(),
        converged: z.array(convergenceSchema),
        inputs: z.array(z.object({ path: z.string(), lastChange: provenanceSchema.nullable() })),
      }),
    )
    .describe('One for each environment that owns such an object'),
});

/** `converge rollback`. */
export const rollbackOutputSchema = z.object({
  outcome: z.enum(['reverted', 'planned', 'nothing']).describe('`nothing`: the branch has it already as it was'),
  repository: z.string(),
  environment: z.string().nullable().describe('Null: all of the repository'),
  from: z.string().describe('A revision'),
  to: z.string().describe('A revision'),
  subject: z.string().describe('The first line of the message of the commit that it goes back to'),
  because: z.string().describe('Why to that one'),
  commit: z.string().nullable().describe('Null where none was made'),
  message: z.string().nullable().describe('Of the commit, also of one that is only planned'),
  reverts: z.array(z.string()).describe('Commits that are undone, the newest first'),
  paths: z.array(z.string()).describe('That change'),
  announced: z.boolean().describe('False: the next check finds the commit'),
});

/** `converge acknowledge`. */
export const acknowledgeOutputSchema = z.object({
  outcome: z.enum(['acknowledged', 'undone', 'nothing']).describe('`nothing`: there was nothing to take back'),
  incidents: z
    .array(
      z.object({
        incident: z.string(),
        about: z
          .string()
          .describe('`<class>/<environment>`, what does not answer (`cluster/<name>`), or the upload that is refused'),
        since: z.string().describe('ISO 8601'),
      }),
    )
    .describe('All that it was done to'),
  by: z.string().nullable().describe('As git names who asks; null where something was taken back'),
  at: z.string().nullable().describe('ISO 8601'),
  until: z.string().nullable().describe('ISO 8601; null: until it ends'),
  comment: z.string().nullable().describe('For whoever reads it'),
});

const letterSchema = z.object({
  id: z.string().describe("Pub/Sub's, of the message"),
  subscription: z.string(),
  time: z.string().describe('ISO 8601'),
  stage: z.string(),
  reason: z.string(),
  subject: z.string(),
  message: z.string(),
  redrivable: z.boolean(),
});

/** `converge dead-letters`. */
export const deadLettersOutputSchema = z.object({
  letters: z.array(letterSchema).describe('The oldest first'),
  mayBeMore: z.boolean().describe('Whether more may lie there than `--limit` says'),
});

/** `converge redrive`. */
export const redriveOutputSchema = z.object({
  letters: z
    .array(
      letterSchema.extend({
        outcome: z.enum(['sent', 'written', 'committed', 'replaced', 'gone', 'failed']),
        to: z.string().optional(),
        problem: z.string().optional(),
      }),
    )
    .describe('What became of each'),
  mayBeMore: z.boolean().describe('Whether more may lie there than `--limit` says'),
});

/** `converge rbac`. */
export const rbacOutputSchema = z.object({
  environment: z.string(),
  cluster: z.string(),
  revision: z.string(),
  manifests: z.array(z.record(z.string(), z.unknown())).describe('For `kubectl apply`'),
  notes: z.array(z.string()).describe('What they do not give, and what they were made from'),
  user: z.string().describe('As whom the environment acts in its cluster'),
});

/** Any command that fails. */
export const errorOutputSchema = z.object({
  error: z
    .object({
      code: z.string(),
      subject: z.string(),
      message: z.string(),
      remedy: z.string().optional(),
      exit: z.number().int().describe('The exit code'),
    })
    .describe('What went wrong'),
});
