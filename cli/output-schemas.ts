import { z } from 'zod';
import { asPlannedSchema } from '../shared/events/alert.ts';
import { requestedSchema } from '../shared/pipeline/act/reconcile.ts';
import { revertRequestedSchema } from '../shared/pipeline/act/revert.ts';
import { doneRequestSchema } from '../shared/memory/request.ts';
import { acknowledgedIncidentSchema, acknowledgedSchema } from '../shared/pipeline/act/acknowledge.ts';
import { letterSchema } from '../shared/pipeline/act/redrive.ts';
import { rolledBackSchema } from '../shared/pipeline/act/rollback.ts';
import { resumedSchema } from '../shared/pipeline/act/resume.ts';
import { newCustomerSchema } from '../shared/pipeline/act/new-customer.ts';
import { suspendedSchema } from '../shared/pipeline/act/suspend.ts';
import { planAnswerSchema } from '../shared/pipeline/inspect/answers.ts';

/*
 * What `--output json` prints, for those who read it: `status` and `report` print what the function and the message of
 * those names do; `get`, `diff`, `why` and `events` what `inspect` answers (`shared/pipeline/inspect/answers.ts`). Keys may be added.
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
  author: z.string().nullable().describe('Who uploaded it, as was said, or else the author of the commit'),
  restores: z
    .object({ commit: z.string(), subject: z.string() })
    .nullable()
    .describe('Of a commit that took others back: whose state came back, of which the rest is'),
  requested: z
    .object({ action: z.string(), by: z.string(), reason: z.string().nullable() })
    .optional()
    .describe('Of a commit that a person asked for by a verb: for what, who, and why; absent of any other'),
});

/** `converge history`. */
export const historyOutputSchema = z.object({
  environment: z.string(),
  repository: z.string(),
  removed: z
    .object({ state: z.string(), commit: z.string().nullable(), committedAt: z.string().nullable() })
    .nullable()
    .describe('The commit that removed its file; null: it is there'),
  requests: z.array(doneRequestSchema).describe('What people asked for on purpose, the last of it, newest first'),
  entries: z
    .array(
      provenanceSchema.extend({
        revision: z.string(),
        state: z
          .string()
          .describe(
            '`Converged`, `Failed`, `RolledBack`, `Attempted`, `Overtaken`, `Pending`, `Removing`, `Removed` or one that is added',
          ),
        attemptedAt: z.string().nullable(),
        converged: z.array(convergenceSchema),
        plan: asPlannedSchema
          .nullable()
          .describe(
            'What was done of it beside what was planned on a pull request; null: nothing was, or it is not the last',
          ),
        rolledBackBy: z.string().nullable().describe('The commit that took it back'),
        failure: z
          .object({
            reason: z.string(),
            summary: z.string(),
            incident: z.string(),
            since: z.string(),
            endedAt: z.string().nullable().describe('ISO 8601; null: it is open'),
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
        revision: z.string().describe('What the cluster has of it; empty where that is not known'),
        state: z.string().describe('`Converged`, `Failed`, `Attempted`, `Unknown` or one that is added'),
        converged: z.array(convergenceSchema),
        attempted: z
          .object({
            revision: z.string(),
            failure: z.object({ reason: z.string(), summary: z.string(), incident: z.string() }).nullable(),
          })
          .nullable()
          .describe('An attempt at other inputs that has not converged'),
        inputs: z.array(z.object({ path: z.string(), lastChange: provenanceSchema.nullable() })),
      }),
    )
    .describe('One for each environment that owns such an object'),
});

const followedShape = {
  done: doneRequestSchema
    .nullable()
    .describe('What came of it, as the run ended; null: it was not followed, or not done in time'),
  state: z.string().nullable().describe('Of the environment then; null: it was not followed, or is not known'),
};

/** `converge reconcile`. */
export const reconcileOutputSchema = requestedSchema.extend(followedShape);

/** `converge revert`. */
export const revertOutputSchema = revertRequestedSchema.extend(followedShape);

/** `converge rollback`. */
export const rollbackOutputSchema = rolledBackSchema.omit({ unannounced: true });

/** `converge suspend`. */
export const suspendOutputSchema = suspendedSchema.omit({ unannounced: true });

/** `converge resume`. */
export const resumeOutputSchema = resumedSchema.omit({ unannounced: true });

/** `converge acknowledge`. */
export const acknowledgeOutputSchema = z.object({
  ...acknowledgedSchema.pick({ outcome: true }).shape,
  incidents: z.array(acknowledgedIncidentSchema.omit({ summary: true })).describe('All that it was done to'),
  by: z.string().nullable().describe('As git names who asks; null where something was taken back'),
  at: z.string().nullable().describe('ISO 8601'),
  until: z.string().nullable().describe('ISO 8601; null: until it ends'),
  comment: z.string().nullable().describe('For whoever reads it'),
});

const alertSchema = z.object({
  kind: z.enum(['incident', 'upload', 'dependency', 'dead-letter']),
  id: z.string().describe("The incident, the upload without its generation, or Pub/Sub's id of the letter"),
  about: z.string().describe('`<class>/<environment>`, `cluster/<name>`, `gs://bucket/name#generation`, or a subject'),
  repository: z.string().nullable().describe('The class; null for what is of none'),
  since: z.string().describe('ISO 8601'),
  occurrence: z.number().int().positive(),
  reason: z.string(),
  message: z.string(),
  done: z.string().describe('What is done about it, in words'),
  acknowledged: z
    .object({ by: z.string(), at: z.string(), until: z.string().nullable(), comment: z.string().nullable() })
    .nullable()
    .describe('Who takes care of it'),
});

/** `converge alerts`. */
export const alertsOutputSchema = z.object({
  alerts: z.array(alertSchema).describe('What is open, the newest last'),
  unseen: z
    .array(z.object({ what: z.string(), message: z.string() }))
    .describe('Classes, and `dead letters`, that could not be looked at, or not all of them'),
});

/** `converge logs`. */
export const logsOutputSchema = z.object({
  entries: z
    .array(
      z.object({
        id: z.string().describe('The same for the same line'),
        time: z.string().describe('ISO 8601'),
        severity: z.string().describe('As Cloud Logging has it: `INFO`, `WARNING`, `ERROR`'),
        function: z.string().nullable().describe('That logged it; null where nobody can say'),
        message: z.string(),
        fields: z.record(z.string(), z.unknown()).describe('All else that was logged with it'),
      }),
    )
    .describe('The oldest first'),
  mayBeMore: z.boolean().describe('Whether older ones were left out, of more than `--limit`'),
});

/** `converge dead-letters`. */
export const deadLettersOutputSchema = z.object({
  letters: z.array(letterSchema).describe('The oldest first'),
  mayBeMore: z.boolean().describe('Whether more may lie there than `--limit` says'),
});

/** `converge test-sink`. */
export const testSinkOutputSchema = z.object({
  sink: z.string().describe('Its name in the configuration'),
  kind: z.string().describe('`webhook`, `slack`, `googleChat`, `pagerduty` or `email`'),
  outcome: z.enum(['delivered', 'failed']).describe('`failed`: refused, or nobody answered'),
  by: z.string().describe('Who sent it'),
  at: z.string().describe('When, ISO 8601'),
  incident: z.string().describe('The key by which the sink knows the test'),
  answers: z
    .array(
      z.object({
        to: z.enum(['opened', 'closed']).describe('To the test, or to its end'),
        status: z.number().int().describe('Of HTTP or SMTP'),
        text: z.string().describe('Its words, cut where they are long'),
      }),
    )
    .describe('What the sink answered, in its order'),
  missed: z.array(z.string()).describe('For whom the sink did not take what it took for others'),
  problem: z
    .object({ code: z.string(), message: z.string(), remedy: z.string().nullable() })
    .nullable()
    .describe('Why it was not delivered; null where it was'),
});

/** `converge doctor`. */
export const doctorOutputSchema = z.object({
  checks: z
    .array(
      z.object({
        check: z.string().describe('What was checked, like `bucket`'),
        subject: z.string().describe('Of what'),
        state: z
          .enum(['ok', 'warning', 'failed', 'not-asked'])
          .describe('`warning`: good still; `not-asked`: nobody knows from here'),
        message: z.string(),
        remedy: z.string().nullable().describe('What to do, or who can ask; null where nothing is to be done'),
      }),
    )
    .describe('In the order of what stands on what'),
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

const findingSchema = z.object({
  file: z.string().describe('From the folder'),
  line: z.number().int().describe('From 1'),
  kind: z.string().describe('Of the object; empty: it is of the file'),
  name: z.string(),
  key: z.string().describe('`spec.postBuild.substitute.region`'),
  message: z.string(),
  remedy: z.string().describe('What to do instead'),
});

/** `converge import`. */
export const importOutputSchema = z.object({
  tool: z.enum(['flux', 'argocd']).describe('Whose objects were looked for'),
  folder: z.string().describe('Where'),
  out: z.string().nullable().describe('Where the files were written; null: nowhere'),
  environments: z
    .array(
      z.object({
        environment: z.string(),
        kind: z.string().describe('Of the object that it was made of'),
        name: z.string(),
        namespace: z.string().describe('Empty: it says none'),
        file: z.string().describe('That holds it'),
        cluster: z.string(),
        path: z.string().describe('Of the environment file'),
      }),
    )
    .describe('What was carried over'),
  files: z
    .array(z.object({ path: z.string(), text: z.string() }))
    .describe('Environment files, and what lies beside them: values and overlays'),
  needed: z
    .array(
      z.object({
        path: z.string().describe("From the repository's root"),
        isThere: z.boolean().describe('Whether the folder has it, at that path'),
      }),
    )
    .describe('What the environments are made of, beside the files: it has to be in the repository'),
  missing: z.array(findingSchema).describe('What has no equal: the exit code is 1 where there is any'),
  notes: z.array(findingSchema).describe('What is another thing than it was, or was guessed'),
  defaults: z
    .array(z.object({ key: z.string(), count: z.number().int(), message: z.string() }))
    .describe('What is not said there, and may be otherwise here'),
  settled: z
    .array(z.object({ key: z.string(), count: z.number().int(), message: z.string() }))
    .describe('What needs no equal, and why'),
});

/** `converge render`. */
export const renderOutputSchema = z.object({
  environment: z.string().describe('`<class>/<name>`'),
  cluster: z.string(),
  namespace: z.string().describe('Of its objects that name none'),
  revision: z.string().nullable().describe('Null: the files of a working tree as they are'),
  manifests: z
    .array(
      z.object({
        object: z.record(z.string(), z.unknown()).describe('As it is applied; the values of Secrets are `***`'),
        source: z.object({
          file: z.string().describe("From the repository's root"),
          line: z.number().int().nullable().describe('At which its YAML begins; null where that cannot be told'),
        }),
        hook: z
          .object({ release: z.string(), events: z.array(z.string()) })
          .nullable()
          .describe('Of a Helm hook, whose object is applied at its events only'),
      }),
    )
    .describe('In the order in which they are applied'),
  notes: z.array(z.string()).describe('What only the cluster knows, and was not asked'),
});

/** `converge validate`. */
export const validateOutputSchema = z.object({
  environments: z.array(z.string()).describe('Names, without a class'),
  objects: z.number().int().describe('How many were rendered'),
  findings: z
    .array(
      z.object({
        rule: z
          .string()
          .describe(
            '`environment-file`, `ignored-file`, `render`, `duplicate`, `unknown-kind`, `schema`, `api`, `name` or one that is added',
          ),
        level: z.enum(['error', 'warning']),
        message: z.string(),
        file: z.string().describe('From the root of the checkout'),
        line: z.number().int().nullable().describe('Null where that cannot be told'),
        key: z.string().nullable().describe('Of an environment file; null of anything else'),
        environments: z.array(z.string()).describe('Those that it is of; none of a file that is ignored'),
      }),
    )
    .describe('Each once, in the order of files and lines'),
  notes: z.array(z.string()).describe('What was not looked at, and how much was'),
});

/** `converge new customer`. */
export const newOutputSchema = newCustomerSchema.omit({ unannounced: true }).extend({
  outcome: z
    .enum(['written', 'done', 'planned', 'nothing'])
    .describe(
      '`written`: into the checkout; `done`: by a commit; `planned`: by `--dry-run`, nothing was written; `nothing`: the branch has these files already, as they are',
    ),
  repository: z.string().nullable().describe('The class; null of a checkout, which does not say it'),
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

/** `converge plan`. */
export const planOutputSchema = z.object({
  plans: z.array(planAnswerSchema).describe('One of each environment, as the function answers'),
  unplanned: z
    .array(z.object({ environment: z.string(), message: z.string() }))
    .describe('Of which the function could not say anything'),
});
