import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { compileCel } from '../health/cel.ts';
import type { HealthExpressions } from '../health/expression-rule.ts';
import { lineOf, readDocument } from '../yaml/read-document.ts';
import { durationPattern, parseDuration } from './duration.ts';
import { hiddenWords } from './hidden-words.ts';
import { fieldsOf, problemOfIgnoredPath, type IgnoreRule } from './ignore-rule.ts';

/** The folder of the environment files, at the root of a repository. */
export const environmentsFolder = 'environments';

const duration = (byDefault: string) =>
  z
    .string()
    .regex(durationPattern, 'expected a duration like 90s, 5m or 1h30m')
    .default(byDefault)
    .transform(parseDuration);

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
  });

const celExpression = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    const compiled = compileCel(text);
    if (!compiled.ok)
      context.addIssue({ code: 'custom', message: `is no CEL expression that can be used: ${compiled.message}` });
  });

const targetSchema = z
  .strictObject({
    group: z.string().optional(),
    kind: z.string().min(1).optional(),
    namespace: z.string().min(1).optional(),
    name: z.string().min(1).optional(),
  })
  .refine((target) => Object.values(target).some((value) => value !== undefined), {
    error: 'expected at least one of group, kind, namespace, name',
  });

const ignoredPath = z
  .string()
  .startsWith('/', 'expected a JSON pointer, which begins with /')
  .superRefine((path, context) => {
    const problem = path.startsWith('/') ? problemOfIgnoredPath(path) : undefined;
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
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

/** `true` and `false` are what files of the version before say. */
const lookupSchema = z
  .union([z.enum(['own', 'cluster', 'empty']), z.boolean()], { error: 'expected own, cluster or empty' })
  .default('own')
  .transform((said): LookupScope => (said === true ? 'cluster' : said === false ? 'own' : said));

/** `environments/<name>.yaml`: one deployment target. */
export const environmentFileSchema = z.strictObject({
  apiVersion: z.literal('converge.dev/v1'),
  kind: z.literal('Environment'),
  metadata: z.strictObject({ name: kubernetesName, previousNames: z.array(kubernetesName).default([]) }),
  spec: z.strictObject({
    cluster: z.string().min(1),
    namespace: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'expected the name of a namespace'),
    sources: z.array(sourceSchema).min(1, 'expected at least one source'),
    prune: z.boolean().default(true),
    selfHeal: z.boolean().default(true),
    suspend: z.boolean().default(false),
    adopt: z.boolean().default(false),
    replace: z.boolean().default(false),
    lookup: lookupSchema,
    timeout: duration('5m'),
    healAfter: duration('0s'),
    diffAfter: duration('5m'),
    convergedAfter: duration('15m'),
    dependsOn: z.array(kubernetesName).default([]),
    ignore: z.array(z.strictObject({ target: targetSchema, paths: z.array(ignoredPath).min(1) })).default([]),
    health: z
      .array(z.strictObject({ target: targetSchema, healthy: celExpression, degraded: celExpression.optional() }))
      .default([]),
    deletion: z.enum(['release', 'prune']).default('release'),
    rollback: z.strictObject({ onFailure: z.enum(['none', 'revert']).default('none') }).default({ onFailure: 'none' }),
    verify: verifySchema.optional(),
  }),
});

type EnvironmentFile = z.infer<typeof environmentFileSchema>;
export type EnvironmentSource =
  | {
      readonly kind: 'helm';
      readonly chart: string;
      readonly release: string;
      readonly values: readonly string[];
      /** Leaves out the definitions in `crds/`, of the chart and of its subcharts: another release brings them. */
      readonly crds?: 'skip';
    }
  | { readonly kind: 'kustomize'; readonly folder: string }
  | { readonly kind: 'manifests'; readonly path: string };

/**
 * What Helm's `lookup` sees: what is the environment's own (anything else that is there is refused by name), all that
 * Converge may read in the cluster, or nothing, as in `helm template`.
 */
export type LookupScope = 'own' | 'cluster' | 'empty';

/** An environment as its file declares it; durations in milliseconds. */
export interface Environment {
  readonly name: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly sources: readonly EnvironmentSource[];
  readonly prune: boolean;
  readonly selfHeal: boolean;
  readonly suspend: boolean;
  /** Whether to take over objects that a living release of Helm, Flux or Argo CD reconciles. */
  readonly adopt: boolean;
  /** Whether objects with an immutable field that changed are deleted and made anew. */
  readonly replace: boolean;
  /** What a template's `lookup` is answered. */
  readonly lookup: LookupScope;
  readonly timeout: number;
  readonly healAfter: number;
  readonly diffAfter: number;
  readonly convergedAfter: number;
  /** Environments of the same repository that converge before it. */
  readonly dependsOn: readonly string[];
  readonly ignore: readonly IgnoreRule[];
  readonly health: readonly HealthExpressions[];
  /** What becomes of its objects when its file is removed. */
  readonly deletion: 'release' | 'prune';
  /** Whether a revision that does not become healthy is reverted by a commit. */
  readonly rollback: { readonly onFailure: 'none' | 'revert' };
  /** Names that it had before: what these own is its own. */
  readonly previousNames: readonly string[];
  /** Whose signature the next revision must carry: each a path in the repository, or the text itself. */
  readonly verify:
    | { readonly allowedSigners?: string | undefined; readonly openpgpKeys?: string | undefined }
    | undefined;
}

/** `environments/<name>.yaml`. */
export function environmentPath(name: string): string {
  return `${environmentsFolder}/${name}.yaml`;
}

/** The name of the environment that a path of the repository declares, or undefined for any other file, as is one whose name is not UTF-8. */
export function environmentOfPath(path: string): string | undefined {
  if (!path.isWellFormed()) return undefined;
  return /^environments\/([^/]+)\.yaml$/.exec(path)?.[1];
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
  const {
    cluster,
    namespace,
    prune,
    selfHeal,
    suspend,
    adopt,
    replace,
    lookup,
    timeout,
    healAfter,
    diffAfter,
    convergedAfter,
  } = parsed.spec;
  const { dependsOn, ignore, health, deletion, rollback, verify } = parsed.spec;
  return {
    name: parsed.metadata.name,
    previousNames: parsed.metadata.previousNames,
    ...{
      cluster,
      namespace,
      prune,
      selfHeal,
      suspend,
      adopt,
      replace,
      lookup,
      timeout,
      healAfter,
      diffAfter,
      convergedAfter,
    },
    ...{ dependsOn, health, deletion, rollback, verify },
    ignore: ignore.map(({ target, paths }) => ({ target, paths, fields: fieldsOf(paths) })),
    sources: parsed.spec.sources.map(toSource),
  };
}

function toSource(source: EnvironmentFile['spec']['sources'][number]): EnvironmentSource {
  if (source.helm !== undefined) {
    const { crds, ...chart } = source.helm;
    return { kind: 'helm', ...chart, ...(crds === 'skip' ? { crds } : {}) };
  }
  if (source.kustomize !== undefined) return { kind: 'kustomize', folder: source.kustomize };
  return { kind: 'manifests', path: source.manifests ?? '' };
}

/** The JSON Schema of the environment file, for editors. */
export function environmentJsonSchema(): unknown {
  return z.toJSONSchema(environmentFileSchema, { io: 'input', unrepresentable: 'any' });
}
