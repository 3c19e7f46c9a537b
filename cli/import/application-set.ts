import type { Checkout } from './checkout.ts';
import { otherGenerators } from './argo-verdicts.ts';
import type { Built, Findings } from './findings.ts';
import { globOf } from './glob.ts';
import { fillAll } from './go-template.ts';
import { at, fieldsAt, isFields, listAt, nameOf, textAt, type Fields, type KeyPath } from './values.ts';

const mostParameters = 5000;

/** The Applications that a set makes of a checkout. What of it cannot be known from files is told. */
export function applicationsOf(
  set: Built,
  { checkout, findings }: { checkout: Checkout; findings: Findings },
): Built[] {
  const { value } = set;
  const options = { isGo: at(value, ['spec', 'goTemplate']) === true };
  tellRest(set, findings);
  const parameters = listAt(value, ['spec', 'generators']).flatMap((generator, index) =>
    parametersOf(generator, { set, checkout, findings, path: ['spec', 'generators', index] }),
  );
  if (parameters.length > mostParameters) {
    findings.missing(set, ['spec', 'generators'], {
      message: `makes ${parameters.length} Applications, and ${mostParameters} are taken`,
      remedy: 'part it',
    });
    return [];
  }
  const made = new Map<string, Built>();
  for (const one of parameters) {
    const filled = fillAll(at(value, ['spec', 'template']), one, options);
    if ('unknown' in filled) {
      findings.missing(set, ['spec', 'template'], {
        message: `${filled.unknown.slice(0, 120)}: is not known, or there is no such parameter`,
        remedy: 'write the environment file of each Application: `argocd appset get` shows them',
      });
      return [];
    }
    if (!isFields(filled.value)) continue;
    const metadata = { ...fieldsAt(filled.value, ['metadata']) };
    const application = {
      apiVersion: value['apiVersion'],
      kind: 'Application',
      metadata: { namespace: textAt(value, ['metadata', 'namespace']), ...metadata },
      spec: filled.value['spec'],
    };
    const name = nameOf(application);
    if (name === '' || made.has(name)) {
      findings.missing(set, ['spec', 'template', 'metadata', 'name'], {
        message: name === '' ? 'an Application without a name' : `${name} is the name of several`,
        remedy: 'a name that each has for itself',
      });
      continue;
    }
    made.set(name, { value: application, layers: set.layers });
  }
  return [...made.values()];
}

/** What of a set is not its generators or its template. */
function tellRest(set: Built, findings: Findings): void {
  const rest: Readonly<Record<string, { message: string; remedy: string } | string>> = {
    strategy: {
      message: 'Applications that are synced step by step',
      remedy: 'dependsOn of the environments that wait',
    },
    templatePatch: {
      message: 'a patch of each Application, which was not played',
      remedy: 'look at each environment file for what it changed',
    },
    syncPolicy: 'environments are files: a commit makes and removes them',
    preservedFields: 'environments are files',
    ignoreApplicationDifferences: 'environments are files',
    applyNestedSelectors: 'environments are files',
    goTemplateOptions: 'a parameter that is missing is always an error here',
  };
  for (const [key, said] of Object.entries(rest)) {
    if (at(set.value, ['spec', key]) === undefined) continue;
    if (typeof said === 'string') findings.settled(`ApplicationSet spec.${key}`, said);
    else findings.missing(set, ['spec', key], said);
  }
  for (const key of Object.keys(fieldsAt(set.value, ['spec'])))
    if (!(key in rest) && !['generators', 'template', 'goTemplate'].includes(key))
      findings.missing(set, ['spec', key], {
        message: 'is a key that this command does not know',
        remedy: 'look up what it does, and whether it is needed here',
      });
}

interface Reading {
  readonly set: Built;
  readonly checkout: Checkout;
  readonly findings: Findings;
  readonly path: KeyPath;
}

function parametersOf(generator: unknown, reading: Reading): Fields[] {
  const { set, findings, path } = reading;
  if (!isFields(generator)) return [];
  const found: Fields[] = [];
  for (const [kind, said] of Object.entries(generator)) {
    if (kind === 'list') found.push(...listParameters(said, { ...reading, path: [...path, kind] }));
    else if (kind === 'git') found.push(...gitParameters(said, { ...reading, path: [...path, kind] }));
    else if (kind === 'matrix') found.push(...matrixParameters(said, { ...reading, path: [...path, kind] }));
    else if (kind === 'selector')
      findings.missing(set, [...path, kind], {
        message: 'chooses among what the generator makes',
        remedy: 'remove the environment files of those that it left out',
      });
    else if (kind === 'values') continue;
    else
      findings.missing(set, [...path, kind], {
        message: `what the generator ${kind} makes is not in files`,
        remedy:
          otherGenerators[kind] ?? 'write the environment file of each Application: `argocd appset get` shows them',
      });
    if (isFields(said) && said['template'] !== undefined && kind !== 'selector')
      findings.missing(set, [...path, kind, 'template'], {
        message: 'a template of this generator alone, which was not played',
        remedy: 'look at each environment file for what it changed',
      });
  }
  return found;
}

function listParameters(list: unknown, { set, findings, path }: Reading): Fields[] {
  if (at(list, ['elementsYaml']) !== undefined)
    findings.missing(set, [...path, 'elementsYaml'], {
      message: 'elements that a template makes',
      remedy: 'write the elements themselves',
    });
  return listAt(list, ['elements']).filter((element) => isFields(element));
}

function matrixParameters(matrix: unknown, reading: Reading): Fields[] {
  const sets = listAt(matrix, ['generators']).map((generator, index) =>
    parametersOf(generator, { ...reading, path: [...reading.path, 'generators', index] }),
  );
  return sets.reduce<Fields[]>(
    (all, next) =>
      all.length * next.length > 10 * mostParameters
        ? all
        : all.flatMap((one) => next.map((other) => ({ ...one, ...other, ...mergedValues(one, other) }))),
    [{}],
  );
}

function mergedValues(one: Fields, other: Fields): Fields {
  return isFields(one['values']) && isFields(other['values'])
    ? { values: { ...one['values'], ...other['values'] } }
    : {};
}

/** https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators-Git/ */
function gitParameters(git: unknown, { set, checkout, findings, path }: Reading): Fields[] {
  const values = fieldsAt(git, ['values']);
  const prefix = textAt(git, ['pathParamPrefix']);
  const withValues = (parameters: Fields): Fields => {
    const place = parameters['$path'];
    const named: Fields =
      prefix === undefined
        ? parameters
        : { ...parameters, [prefix]: { ...fieldsAt(parameters, [prefix]), $path: place } };
    const filled = fillAll(values, named, { isGo: at(set.value, ['spec', 'goTemplate']) === true });
    return { ...named, ...('value' in filled && Object.keys(values).length > 0 ? { values: filled.value } : {}) };
  };
  const directories = listAt(git, ['directories']);
  const files = listAt(git, ['files']);
  const chosen = (entries: readonly unknown[], among: Iterable<string>): string[] => {
    const globs = entries.map((entry) => ({
      matches: globOf(textAt(entry, ['path']) ?? ''),
      isLeftOut: at(entry, ['exclude']) === true,
    }));
    return [...among]
      .filter(
        (name) =>
          globs.some(({ matches, isLeftOut }) => !isLeftOut && matches(name)) &&
          !globs.some(({ matches, isLeftOut }) => isLeftOut && matches(name)),
      )
      .toSorted();
  };
  const hidden = (name: string): boolean => /(^|\/)\./.test(name);
  const found = [
    ...chosen(
      directories,
      [...checkout.folders].filter((name) => name !== '' && !hidden(name)),
    ).map((folder) => withValues({ $path: placeOf(folder) })),
    ...chosen(files, checkout.texts.keys()).flatMap((file) =>
      checkout.documents(file).map(({ value }) =>
        withValues({
          ...value,
          $path: {
            ...placeOf(file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : ''),
            filename: file.slice(file.lastIndexOf('/') + 1),
            filenameNormalized: file
              .slice(file.lastIndexOf('/') + 1)
              .toLowerCase()
              .replace(/[^a-z0-9.-]/g, '-'),
          },
        }),
      ),
    ),
  ];
  if (found.length === 0)
    findings.missing(set, path, {
      message: `${textAt(git, ['repoURL']) ?? 'its repository'}: no folder or file of this checkout is meant`,
      remedy: 'call this command with the checkout of that repository, or write the environment files',
    });
  return found;
}

/** A path, as templates read it: the path itself, and what it is made of. */
function placeOf(folder: string): Fields {
  const segments = folder === '' ? [] : folder.split('/');
  const basename = segments.at(-1) ?? '';
  return { path: folder, basename, basenameNormalized: basename.toLowerCase().replace(/[^a-z0-9.-]/g, '-'), segments };
}
