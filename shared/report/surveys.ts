import type { Report } from '../events/report.ts';
import { idOfKey, objectTitle } from '../objects/object-id.ts';
import { keyOf } from './incidents.ts';
import type { ReportedEnvironment } from './reported-environment.ts';
import { cut, sentence, timeText } from './text.ts';

const longestName = 200;
const namedObjects = 5;
const namedEnvironments = 10;
const namedKinds = 10;
const listsOfKinds = 10;

/**
 * What nobody declares in the namespaces of the environments; where several have one namespace, as the first of them
 * found it.
 */
export function undeclaredIn(environments: readonly ReportedEnvironment[]): Report['undeclared'] {
  const seen = new Set<string>();
  return environments.flatMap((environment) => {
    const { cluster, memory } = environment;
    return (memory.survey?.undeclared ?? []).flatMap(({ namespace, kind, count, names }) => {
      const place = `${cluster} ${namespace} ${kind}`;
      if (seen.has(place)) return [];
      seen.add(place);
      const shown = names.map((name) => cut(name, longestName));
      return [{ environment: keyOf(environment), cluster, namespace, kind, count, names: shown }];
    });
  });
}

/** The API versions of objects that the API server warns of, what goes first, first. */
export function deprecatedIn(environments: readonly ReportedEnvironment[]): Report['deprecated'] {
  return environments
    .flatMap((environment) => {
      const { cluster, memory } = environment;
      return (memory.survey?.deprecated ?? []).flatMap(({ apiVersion, kind, removedIn, use, message }) => {
        const objects = Object.entries(memory.objects)
          .filter(([key, object]) => object.apiVersion === apiVersion && idOfKey(key).kind === kind)
          .map(([key]) => cut(objectTitle(idOfKey(key)), longestName));
        if (objects.length === 0) return [];
        const names = objects.sort().slice(0, namedObjects);
        const facts = { environment: keyOf(environment), cluster, version: memory.survey?.version ?? '' };
        return [
          { ...facts, apiVersion, kind, removedIn, use, message: sentence(message), count: objects.length, names },
        ];
      });
    })
    .sort((a, b) => order(a.removedIn) - order(b.removedIn));
}

/** `1.32` as a number that sorts; last where nobody says when. */
function order(removedIn: string | null): number {
  const [major = 0, minor = 0] = (removedIn ?? '').split('.').map(Number);
  return removedIn === null ? Number.POSITIVE_INFINITY : major * 1_000 + minor;
}

/** What only clusters know and was not, or not wholly, looked for, in words. */
export function surveyLimits(environments: readonly ReportedEnvironment[]): string[] {
  const without = environments.filter(({ memory }) => memory.survey === undefined);
  const more = environments.reduce((sum, { memory }) => sum + (memory.survey?.more ?? 0), 0);
  return [
    ...(without.length === 0
      ? []
      : [
          `Not looked for yet in the cluster of ${listed(without.map(keyOf), namedEnvironments)}: objects that nobody declares, and API versions that are to go.`,
        ]),
    ...unlistedKinds(environments),
    ...(more === 0 ? [] : [`Nobody declares ${more} more objects, of kinds that have no room here.`]),
  ];
}

/** One sentence for each list of kinds, the commonest first; those that have no room are counted. */
function unlistedKinds(environments: readonly ReportedEnvironment[]): string[] {
  const asked = new Map<string, { at: string; names: string[] }>();
  for (const environment of environments) {
    const { survey } = environment.memory;
    if (survey === undefined || survey.unlisted.length === 0) continue;
    const kinds = listed(survey.unlisted, namedKinds);
    const { at, names } = asked.get(kinds) ?? { at: survey.at, names: [] };
    names.push(keyOf(environment));
    asked.set(kinds, { at: survey.at < at ? survey.at : at, names });
  }
  const all = [...asked].sort(([, one], [, other]) => other.names.length - one.names.length);
  const further = all.slice(listsOfKinds).reduce((sum, [, { names }]) => sum + names.length, 0);
  return [
    ...all
      .slice(0, listsOfKinds)
      .map(
        ([kinds, { at, names }]) =>
          `Objects that nobody declares may be there for ${listed(names, namedEnvironments)} of kinds that could not be listed: ${kinds} (asked ${names.length === 1 ? '' : 'since '}${timeText(at)}).`,
      ),
    ...(further === 0
      ? []
      : [
          `Objects that nobody declares may be there for ${further} more environments, of kinds that could not be listed.`,
        ]),
  ];
}

function listed(texts: readonly string[], most: number): string {
  const further = texts.length - most;
  return `${texts.slice(0, most).join(', ')}${further > 0 ? ` and ${further} more` : ''}`;
}
