import { ConvergeError } from '../../base/errors.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { isMap } from '../../objects/exact-json.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { textMasker, withoutCopies } from '../../drift/masking.ts';
import { contentsOf, copiesHider, copiesOf } from '../../drift/secret-values.ts';
import type { ObjectDiff } from '../../drift/object-diff.ts';
import { answerWords, type Unread } from './answers.ts';
import type { Inspection } from './open-inspection.ts';
import type { KnownSecrets } from './known-secrets.ts';

/** Hides the values of Secrets in what is answered about an environment. */
export interface Hides {
  /** Of which Secrets the values are not known, and so not hidden. */
  readonly unhidden: readonly Unread[];
  /** In a text that somebody wrote, before it is cut. */
  text(words: string): string;
  /** In the values of the fields of an object, before they are cut, and its message. */
  difference(difference: ObjectDiff): ObjectDiff;
  /** In all of an answer: the one door through which answers leave. */
  answer<Answer extends object>(answer: Answer): Answer;
  /** In an error, which is answered, too. Anything but a `ConvergeError` is told to nobody, and returned as it is. */
  error(error: unknown): unknown;
}

/**
 * What an answer says of whom and what it is about, by the keys where it does. A value of a Secret that is a part of a
 * name of the environment's own objects is a word of that name there: `postgres` of `StatefulSet acme/shop-postgres`.
 */
const namingKeys: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'object',
  'owner',
  'what',
  'source',
  'path',
  'inputs',
]);
/** Below these stands what objects hold. */
const contentKeys: ReadonlySet<string> = new Set(['desired', 'observed', 'before', 'after']);
/** What others say, in whole sentences: of the environment's own Secrets, parts of values are hidden there, too. */
const sentenceKeys: ReadonlySet<string> = new Set(['message', 'reason', 'from', 'waitsFor']);
/** The path of a field, whose parts are keys of objects, written as RFC 6901 has it. */
const pointer = /^(\/[^/]*)+$/;
/** A time, a commit, a revision: where it has this shape, it is nobody's secret. */
const shapes = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|[0-9a-f]{40}|\S+@sha1:[0-9a-f]{40})$/;

/** What answers say of an environment that is nobody's secret. */
export interface SaidOpenly {
  /** Names that stand in Git and in every list of the cluster, and keys of Secrets. */
  readonly names: readonly string[];
  /** What stands for itself where it is all of a text: kinds, states, and whom the answer is about. */
  readonly words: ReadonlySet<string>;
}

export function hidesOf({ own, others, unhidden }: KnownSecrets, { names, words }: SaidOpenly): Hides {
  const hideIn = textMasker(own);
  const copies = copiesOf(contentsOf([...own, ...others]));
  const hide = copiesHider(copies);
  const hideInNames = copiesHider(copies.filter((copy) => !names.some((name) => name.includes(copy))));
  // Events say the same again and again, and a search for megabytes of values takes its time.
  const hidden = new Map<string, string>();
  const text = (said: string): string => {
    const found = hidden.get(said) ?? hide(hideIn(said));
    hidden.set(said, found);
    return found;
  };
  const hideInPath = (path: string): string =>
    path
      .split('/')
      .map((part) => {
        const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
        const left = hideInNames(key);
        return left === key ? part : left.replaceAll('~', '~0').replaceAll('/', '~1');
      })
      .join('/');
  const said = (value: string, key: string): string => {
    if (words.has(value) || shapes.test(value)) return value;
    if (sentenceKeys.has(key)) return text(value);
    if (!namingKeys.has(key)) return hide(value);
    return hideInNames(key === 'path' && pointer.test(value) ? hideInPath(value) : value);
  };
  const walk = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return said(value, key);
    if (Array.isArray(value)) return value.map((item) => walk(item, key));
    if (!isMap(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, child]) => [
        name,
        contentKeys.has(name) ? withoutCopies(child as Content, hide) : walk(child, name),
      ]),
    );
  };
  return {
    ...{ unhidden, text },
    difference: (found) => walk(found, '') as typeof found,
    answer: (answer) => walk(answer, '') as typeof answer,
    error: (error) => (error instanceof ConvergeError ? told(error, { text, name: hideInNames }) : error),
  };
}

type Content = Parameters<typeof withoutCopies>[0];

/** Its cause is left behind: it has the same words. */
function told(
  { code, subject, problem, remedy, disposition, reads }: ConvergeError,
  hide: { text: (words: string) => string; name: (words: string) => string },
): ConvergeError {
  return new ConvergeError({
    ...{ code, subject: hide.name(subject), message: hide.text(problem), disposition },
    ...(remedy === undefined ? {} : { remedy: hide.text(remedy) }),
    ...(reads === undefined ? {} : { reads }),
  });
}

/** @param objects of the environment, as they are or come */
export function saidOpenly(
  objects: readonly KubernetesObject[],
  { key, repository, environment, cluster, revision, namespaces, api }: OpenlyAbout,
): SaidOpenly {
  const members = objects.flatMap(({ metadata, ...object }) => [
    ...[metadata.name ?? '', metadata.namespace ?? ''],
    ...(object.kind === 'Secret' ? Object.keys(Object(Reflect.get(object, 'data') ?? {})) : []),
  ]);
  const served = (api?.resources ?? []).flatMap(({ group, version, kind }) => [
    ...[kind, group === '' ? version : `${group}/${version}`],
  ]);
  const kinds = objects.flatMap((object) => [object.kind, object.apiVersion]);
  return {
    names: [...new Set([...members, ...namespaces, key, cluster])].filter((name) => name !== ''),
    words: new Set([...answerWords, ...served, ...kinds, repository, environment, cluster, revision]),
  };
}

interface OpenlyAbout {
  readonly key: string;
  readonly repository: string;
  readonly environment: string;
  readonly cluster: string;
  readonly revision: string;
  readonly namespaces: readonly string[];
  readonly api: ClusterApi | undefined;
}

export function openlyOf({
  target,
  observed,
}: Pick<Inspection, 'target'> & { readonly observed: Pick<Inspection['observed'], 'objects'> }): SaidOpenly {
  const { run, environment, cluster, api, revision } = target;
  const about = { ...{ key: run.key, repository: run.repository, environment: run.environment }, revision, api };
  const objects = [...observed.objects.values()].map(({ object }) => object);
  return saidOpenly(objects, { ...about, cluster: cluster.name, namespaces: [environment.namespace] });
}
