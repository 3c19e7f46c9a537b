import { z } from 'zod';
import { freezeWindowsSchema } from '../config/freeze.ts';
import { ConvergeError } from '../base/errors.ts';
import { isZonedTime, zonedTimeExpected, zonedTimePattern } from '../base/time.ts';
import { healthExpressionsSchema } from '../health/expression-rule.ts';
import { lineOf, readDocument } from '../yaml/read-document.ts';
import { durationPattern, parseDuration } from './duration.ts';
import { hiddenWords } from './hidden-words.ts';
import { ignoreRuleSchema } from './ignore-rule.ts';

/** The folder of the environment files, at the root of a repository. */
export const environmentsFolder = 'environments';

/** Milliseconds: from now on it is a time that is written with four digits of a year. */
const longestDuration = parseDuration('1000000d');

const duration = (byDefault: string) =>
  z
    .string()
    .regex(durationPattern, 'expected a duration like 90s, 5m or 1h30m')
    .default(byDefault)
    .transform(parseDuration)
    .refine((milliseconds) => milliseconds <= longestDuration, { error: 'expected 1000000d at most' });

const pathInRepository = z
  .string()
  .min(1)
  .refine(
    (path) =>
      path.isWellFormed() &&
      !path.startsWith('/') &&
      path.split('/').every((part) => part !== '..' && part !== '' && part !== '.'),
    {
      error: 'expected a path inside the repository, from its root',
    },
  );

const kubernetesName = z
  .string()
  .max(53, 'expected 53 characters at most')
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'expected lower-case letters, digits and dashes');

/**
 * What an environment is rendered from. `crds`, where it is `skip`, leaves out the definitions in `crds/`, of the chart
 * and of its subcharts: another release brings them.
 */
export type EnvironmentSource =
  | {
      readonly kind: 'helm';
      readonly chart: string;
      readonly release: string;
      readonly values: readonly string[];
      readonly crds?: 'skip';
    }
  | { readonly kind: 'kustomize'; readonly folder: string }
  | { readonly kind: 'manifests'; readonly path: string };

const sourceSchema = z
  .strictObject({
    helm: z
      .strictObject({
        chart: pathInRepository,
        release: kubernetesName,
        values: z.array(pathInRepository).default([]),
        crds: z.enum(['apply', 'skip']).default('apply'),
      })
      .optional(),
    kustomize: pathInRepository.optional(),
    manifests: pathInRepository.optional(),
  })
  .refine((source) => Object.values(source).filter((value) => value !== undefined).length === 1, {
    error: 'expected exactly one of helm, kustomize, manifests',
  })
  .transform(({ helm, kustomize, manifests }): EnvironmentSource => {
    if (helm !== undefined) {
      const { crds, ...chart } = helm;
      return { kind: 'helm', ...chart, ...(crds === 'skip' ? { crds } : {}) };
    }
    if (kustomize !== undefined) return { kind: 'kustomize', folder: kustomize };
    return { kind: 'manifests', path: manifests ?? '' };
  });

/** A path in the repository, or the text itself, which has a blank at least. */
const textOrPath = z
  .string()
  .min(1)
  .refine((value) => /\s/.test(value.trim()) || pathInRepository.safeParse(value.trim()).success, {
    error: 'expected a path inside the repository, from its root, or the text itself',
  });

const verifySchema = z
  .strictObject({ allowedSigners: textOrPath.optional(), openpgpKeys: textOrPath.optional() })
  .refine((verify) => verify.allowedSigners !== undefined || verify.openpgpKeys !== undefined, {
    error: 'expected allowedSigners, openpgpKeys, or both',
  });

/** What Helm's `lookup` sees. */
const lookupScopes = [
  /** What is the environment's own; anything else that is there is refused by name. */
  'own',
  /** All that Converge may read in the cluster. */
  'cluster',
  /** Nothing, as in `helm template`. */
  'empty',
] as const;
/** `true` and `false` are what files of the version before say. */
const lookupSchema = z
  .union([z.enum(lookupScopes), z.boolean()], { error: 'expected own, cluster or empty' })
  .default('own')
  .transform((said) => (said === true ? 'cluster' : said === false ? 'own' : said));

/** Milliseconds. */
const shortestAsk = 60_000;

/**
 * What a file says of its environment; durations are milliseconds once they are read. A field that is added here is one
 * of `Environment`.
 */
const specSchema = z.strictObject({
  cluster: z.string().min(1),
  namespace: z
    .string()
    .regex(
      /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
      'expected the name of a namespace: lower-case letters, digits and -, 63 at most',
    ),
  sources: z.array(sourceSchema).min(1, 'expected at least one source'),
  prune: z.boolean().default(true),
  selfHeal: z.union([z.boolean(), z.literal('ask')], { error: 'expected true, false or ask' }).default(true),
  suspend: z.boolean().default(false),
  /** Suspended until then, ISO 8601: it ends by itself. */
  suspendUntil: z
    .string()
    .regex(zonedTimePattern, zonedTimeExpected)
    .refine(isZonedTime, { error: zonedTimeExpected, abort: true })
    .optional(),
  /** Why, for people. */
  suspendReason: z
    .string()
    .min(1)
    .max(200, 'expected 200 characters at most')
    .regex(/^[^\p{Cc}\p{Cf}]*$/u, 'expected one line of characters that show')
    .optional(),
  /** Times in which nothing of it is applied, healed or pruned, beside the operator's. */
  freeze: freezeWindowsSchema.default([]),
  /** Whether to take over objects that a living release of Helm, Flux or Argo CD reconciles. */
  adopt: z.boolean().default(false),
  /** Whether objects with an immutable field that changed are deleted and made anew. */
  replace: z.boolean().default(false),
  /** What a template's `lookup` is answered. */
  lookup: lookupSchema,
  timeout: duration('5m'),
  healAfter: duration('0s'),
  diffAfter: duration('5m'),
  /** How often drift that waits for an answer is told again. */
  askFor: z
    .string()
    .regex(durationPattern, 'expected a duration like 90s, 5m or 1h30m')
    .default('4h')
    .transform(parseDuration)
    .refine((milliseconds) => milliseconds >= shortestAsk, { error: 'expected a minute at least' }),
  convergedAfter: duration('15m'),
  /** Environments of the same repository that converge before it. */
  dependsOn: z.array(kubernetesName).default([]),
  ignore: z.array(ignoreRuleSchema).prefault([]),
  health: z.array(healthExpressionsSchema).default([]),
  /** What becomes of its objects when its file is removed. */
  deletion: z.enum(['release', 'prune']).default('release'),
  /** Whether a revision that does not become healthy is reverted by a commit. */
  rollback: z.strictObject({ onFailure: z.enum(['none', 'revert']).default('none') }).default({ onFailure: 'none' }),
  /** Whose signature the next revision must carry: each a path in the repository, or the text itself. */
  verify: verifySchema.optional(),
});

const label = 'expected letters, digits, dashes, dots and underscores, with a letter or digit at both ends';

/** How Kubernetes writes them. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
const labelsSchema = z.record(
  z
    .string()
    .max(253, 'expected 253 characters at most')
    .regex(/^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$/, label),
  z
    .string()
    .max(63, 'expected 63 characters at most')
    .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, label),
);

/** `environments/<name>.yaml`: one deployment target. */
export const environmentFileSchema = z.strictObject({
  apiVersion: z.literal('converge.dev/v1'),
  kind: z.literal('Environment'),
  metadata: z.strictObject({
    name: kubernetesName,
    /** Names that it had before: what these own is its own. */
    previousNames: z.array(kubernetesName).default([]),
    /** By which people choose environments: whose alerts a sink is told, what a report is of. */
    labels: labelsSchema.default({}),
  }),
  spec: specSchema,
});

type EnvironmentFile = z.output<typeof environmentFileSchema>;
/** An environment as its file declares it, with the defaults of what it does not say. */
export type Environment = Unchangeable<EnvironmentFile['metadata'] & EnvironmentFile['spec']>;

type Unchangeable<T> = T extends object ? { readonly [Key in keyof T]: Unchangeable<T[Key]> } : T;

/** Whether the templates of one may look up what those of another may not. */
export function looksUpMore({ lookup }: Pick<Environment, 'lookup'>, than: Pick<Environment, 'lookup'>): boolean {
  const least = ['empty', 'own', 'cluster'] satisfies readonly Environment['lookup'][];
  return least.indexOf(lookup) > least.indexOf(than.lookup);
}

/** `environments/<name>.yaml`. */
export function environmentPath(name: string): string {
  return `${environmentsFolder}/${name}.yaml`;
}

/**
 * The name of the environment that a path of the repository declares, or undefined for any other file, as is one whose
 * name is not UTF-8.
 */
export function environmentOfPath(path: string): string | undefined {
  if (!path.isWellFormed()) return undefined;
  return /^environments\/([^/]+)\.yaml$/.exec(path)?.[1];
}

/** Whether a file can declare an environment of that name. */
export function isEnvironmentName(name: string): boolean {
  return environmentOfPath(environmentPath(name)) === name;
}

/**
 * Reads an environment file.
 *
 * @param document.file path in the repository: the file's name is the environment's
 * Throws `InvalidEnvironment` (refuse) naming file, line and key.
 */
export function parseEnvironmentFile({ file, text }: { file: string; text: string }): Environment {
  const hidden = hiddenWords(text);
  if (hidden !== undefined)
    throw new ConvergeError({ code: 'InvalidEnvironment', subject: file, message: hidden, disposition: 'refuse' });
  const parsed = readDocument({ file, text, schema: environmentFileSchema, code: 'InvalidEnvironment' });
  const expected = environmentOfPath(file);
  if (parsed.metadata.name !== expected) {
    throw new ConvergeError({
      code: 'InvalidEnvironment',
      subject: `${file}:${lineOf({ text, path: ['metadata', 'name'] })}`,
      message: `metadata.name: is ${parsed.metadata.name}, expected ${expected ?? 'a file directly under environments/'}: an environment is named as its file`,
      disposition: 'refuse',
    });
  }
  return { ...parsed.metadata, ...parsed.spec };
}

/** The JSON Schema of the environment file, for editors. */
export function environmentJsonSchema(): unknown {
  return z.toJSONSchema(environmentFileSchema, { io: 'input', unrepresentable: 'any' });
}
