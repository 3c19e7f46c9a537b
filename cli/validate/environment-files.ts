import { ConvergeError } from '../../shared/base/errors.ts';
import {
  environmentFileSchema,
  environmentJsonSchema,
  environmentPath,
  parseEnvironmentFile,
} from '../../shared/environment/environment-file.ts';
import { meantBy } from '../../shared/base/nearest-name.ts';
import { hiddenWords } from '../../shared/environment/hidden-words.ts';
import { declareEnvironment, refuseWrongDependencies } from '../../shared/memory/gate.ts';
import { isMap } from '../../shared/objects/exact-json.ts';
import { findProblems, lineOf, type Problem } from '../../shared/yaml/read-document.ts';
import type { Finding } from './finding.ts';

/** All that is wrong with an environment file by itself. */
export function problemsOfFile({ name, text }: { name: string; text: string }): Finding[] {
  const file = environmentPath(name);
  const code = 'InvalidEnvironment';
  try {
    // What is no text has no keys: that is said below.
    const read =
      hiddenWords(text) === undefined ? findProblems({ file, text, schema: environmentFileSchema, code }) : undefined;
    if (read !== undefined && 'problems' in read)
      return withoutMisspelt(read.problems).map((problem) => ofProblem({ name, text, problem }));
    parseEnvironmentFile({ file, text });
    return [];
  } catch (error) {
    return [ofError({ name, error })];
  }
}

/** What is wrong between the files of a tree. */
export function problemsBetweenFiles(texts: ReadonlyMap<string, string>): Finding[] {
  const names = [...texts.keys()];
  const declared = new Map(
    [...texts].map(([name, text]) => [name, declareEnvironment({ file: environmentPath(name), text })]),
  );
  return names.flatMap((name) => {
    try {
      refuseWrongDependencies({ name, names, declared });
      return [];
    } catch (error) {
      return [ofError({ name, error })];
    }
  });
}

function ofProblem({ name, text, problem }: { name: string; text: string; problem: Problem }): Finding {
  const { path, message } = problem;
  const key = path.map(String).join('.');
  const meant = meantKey(problem);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return {
    ...{ rule: 'environment-file', level: 'error', file: environmentPath(name), environments: [name] },
    ...{ message: `${key === '' ? 'document' : key}: ${message}${hint}`, line: lineOf({ text, path }), key },
  };
}

/** A misspelt key is a missing one, too: that is one mistake. */
function withoutMisspelt(problems: readonly Problem[]): Problem[] {
  const idOf = (path: readonly PropertyKey[]): string => JSON.stringify(path.map(String));
  const meant = new Set(
    problems.flatMap((problem) => {
      const key = meantKey(problem);
      return key === undefined ? [] : [idOf([...problem.path.slice(0, -1), key])];
    }),
  );
  return problems.filter(({ missing, path }) => !(missing && meant.has(idOf(path))));
}

/** The key that an unknown one was meant as; undefined of any other problem, too. */
function meantKey({ path, message }: Problem): string | undefined {
  if (message !== 'unknown key') return undefined;
  return meantBy({ name: String(path.at(-1)), among: keysAt(environmentJsonSchema(), path.slice(0, -1)) });
}

function ofError({ name, error }: { name: string; error: unknown }): Finding {
  if (!(error instanceof ConvergeError)) throw error;
  const [, line] = /:(\d+)$/.exec(error.subject) ?? [];
  const [, key = null] = /^([a-z][\w.]*): /i.exec(error.problem) ?? [];
  return {
    ...{ rule: 'environment-file', level: 'error', file: environmentPath(name), environments: [name], key },
    ...{ message: error.problem, line: line === undefined ? null : Number(line) },
  };
}

/** The keys that a JSON Schema knows of the map at a path. */
function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  if (!isMap(schema)) return [];
  const forms = ['anyOf', 'oneOf', 'allOf'].flatMap((form) => (Array.isArray(schema[form]) ? schema[form] : []));
  const below = forms.flatMap((form: unknown) => keysAt(form, path));
  const properties = isMap(schema['properties']) ? schema['properties'] : {};
  const [first, ...rest] = path;
  if (first === undefined) return [...Object.keys(properties), ...below];
  const next =
    typeof first === 'number' ? schema['items'] : (properties[String(first)] ?? schema['additionalProperties']);
  return [...keysAt(next, rest), ...below];
}
