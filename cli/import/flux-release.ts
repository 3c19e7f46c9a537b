import { createHash } from 'node:crypto';
import { placeOfChart, pullCommand, type ChartFolders } from './chart-folders.ts';
import type { Checkout } from './checkout.ts';
import type { Draft } from './draft.ts';
import { judgeKeys, type Built, type Findings } from './findings.ts';
import { healthRules, timeoutOf } from './flux-common.ts';
import { chartVerdicts, installVerdicts, releaseVerdicts, upgradeVerdicts } from './flux-verdicts.ts';
import { sourceOf, type FluxSources } from './flux-sources.ts';
import { checkedRule } from './ignored-paths.ts';
import { isThisRepository, withoutDots } from './places.ts';
import { freePath, valuesFile, type WrittenFile } from './sources.ts';
import type { Generated } from './tree.ts';
import {
  at,
  fieldsAt,
  kindOf,
  listAt,
  nameOf,
  namespaceOf,
  textAt,
  textsAt,
  type Fields,
  type KeyPath,
} from './values.ts';

interface Release {
  readonly object: Built;
  readonly cluster: string;
  readonly key: string;
  readonly dependsOn: readonly string[];
  readonly generated: readonly Generated[];
  readonly checkout: Checkout;
  readonly charts: ChartFolders;
  readonly findings: Findings;
  readonly home: ReadonlySet<string>;
  readonly sources: FluxSources;
  /** What a reference of the release names. */
  readonly sourceOf: (path: readonly string[]) => Built | undefined;
}

/** A HelmRelease as an environment with one chart. */
export function draftRelease(release: Release): Draft {
  const { object, findings, cluster, key, dependsOn } = release;
  const { value } = object;
  judgeKeys(findings, { object, path: ['spec'], verdicts: releaseVerdicts });
  judgeKeys(findings, { object, path: ['spec', 'install'], verdicts: installVerdicts });
  judgeKeys(findings, { object, path: ['spec', 'upgrade'], verdicts: upgradeVerdicts });
  const chart = chartOf(release);
  const values = valuesOf(release);
  const crds = [textAt(value, ['spec', 'install', 'crds']), textAt(value, ['spec', 'upgrade', 'crds'])];
  const skips = at(value, ['spec', 'install', 'skipCRDs']) === true || crds[0] === 'Skip';
  const applied = 'definitions in crds/ are applied at upgrades, too';
  if (!skips && crds[1] === undefined)
    findings.byDefault('HelmRelease spec.upgrade.crds', `${applied}; crds: skip leaves them out`);
  if (!skips && crds[1] === 'Skip')
    findings.note(object, ['spec', 'upgrade', 'crds'], {
      message: applied,
      remedy: 'crds: skip of the chart leaves them out, at the first time, too',
    });
  return {
    ...{ key, object, cluster, dependsOn },
    namespace: textAt(value, ['spec', 'targetNamespace']) ?? namespaceOf(value) ?? 'default',
    spec: { ...timeoutOf(object, findings), ...healthRules(object, findings), ...specOf(object, findings) },
    make: (name) => {
      const made = values(name);
      return {
        sources: [
          {
            helm: {
              chart: chart.folder,
              release: releaseName(value),
              values: [...chart.values, ...made.paths],
              ...(skips ? { crds: 'skip' } : {}),
            },
          },
        ],
        files: made.files,
      };
    },
  };
}

/** Flux composes it, and shortens it: https://fluxcd.io/flux/components/helm/helmreleases/#release-name */
function releaseName(value: Fields): string {
  const own = textAt(value, ['spec', 'releaseName']);
  if (own !== undefined) return own;
  const target = textAt(value, ['spec', 'targetNamespace']);
  const name = target === undefined ? nameOf(value) : `${target}-${nameOf(value)}`;
  if (name.length <= 53) return name;
  return `${name.slice(0, 40)}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}

function specOf(object: Built, findings: Findings): Fields {
  const { value } = object;
  const spec: Record<string, unknown> = {};
  if (at(value, ['spec', 'suspend']) === true) spec['suspend'] = true;
  if (at(value, ['spec', 'upgrade', 'force']) === true) spec['replace'] = true;
  const mode = textAt(value, ['spec', 'driftDetection', 'mode']);
  if (mode === 'warn') spec['selfHeal'] = false;
  if (mode === 'disabled')
    findings.note(object, ['spec', 'driftDetection', 'mode'], {
      message: 'drift is always found here, and healed',
      remedy: 'selfHeal: false of the environment tells only',
    });
  if (mode === undefined)
    findings.byDefault(
      'HelmRelease spec.driftDetection',
      'Flux heals no drift of a release without it; here it is always found and healed: selfHeal: false tells only',
    );
  const ignore = ignoreRules(object, findings);
  if (ignore.length > 0) spec['ignore'] = ignore;
  const remediation = fieldsAt(value, ['spec', 'upgrade', 'remediation']);
  const isRolledBack =
    remediation['remediateLastFailure'] === true ||
    (Number(remediation['retries'] ?? 0) !== 0 && remediation['remediateLastFailure'] !== false);
  if (isRolledBack && remediation['strategy'] !== 'uninstall') {
    spec['rollback'] = { onFailure: 'revert' };
    findings.note(object, ['spec', 'upgrade', 'remediation'], {
      message: 'a failed upgrade is reverted in Git by a commit, and not in the cluster alone',
      remedy: 'leave rollback out of the file where people are to decide',
    });
  } else if (remediation['strategy'] === 'uninstall')
    findings.missing(object, ['spec', 'upgrade', 'remediation', 'strategy'], {
      message: 'nothing is uninstalled because it failed',
      remedy: 'rollback: { onFailure: revert }',
    });
  return spec;
}

function ignoreRules(object: Built, findings: Findings): Fields[] {
  return listAt(object.value, ['spec', 'driftDetection', 'ignore']).flatMap((entry, index) => {
    const path: KeyPath = ['spec', 'driftDetection', 'ignore', index];
    const { group, version: _version, kind, name, namespace, ...others } = fieldsAt(entry, ['target']);
    const target = Object.fromEntries(
      Object.entries({ group, kind, name, namespace }).filter(([, said]) => typeof said === 'string'),
    );
    if (Object.keys(others).length > 0 || /[.*+?^$|()[\]\\]/.test(textAt(entry, ['target', 'name']) ?? '')) {
      findings.missing(object, [...path, 'target'], {
        message: 'objects that are chosen by labels, annotations or a pattern',
        remedy: 'a rule of ignore for each, by group, kind, namespace and name',
      });
      return [];
    }
    const paths = textsAt(entry, ['paths']);
    if (Object.keys(target).length === 0 || paths.includes('')) {
      findings.missing(object, path, {
        message: paths.includes('') ? 'whole objects are not ignored' : 'fields of all objects alike',
        remedy: paths.includes('')
          ? 'converge.dev annotations, or take the object out of the chart'
          : 'a rule of ignore for each kind',
      });
      return [];
    }
    return checkedRule({ object, path, target, paths, findings });
  });
}

interface Chart {
  readonly folder: string;
  /** Values files that the chart's own template names. */
  readonly values: readonly string[];
}

function chartOf(release: Release): Chart {
  const { object, findings } = release;
  const { value } = object;
  if (at(value, ['spec', 'chartRef']) !== undefined) {
    const referred = release.sourceOf(['spec', 'chartRef']);
    if (kindOf(referred?.value) === 'HelmChart' && referred !== undefined)
      return chartOfTemplate(release, {
        holder: referred,
        path: ['spec'],
        sourceOf: (path) => sourceOf(release.sources, referred, path),
      });
    const name = textAt(value, ['spec', 'chartRef', 'name']) ?? '';
    const url = textAt(referred?.value, ['spec', 'url']);
    const version =
      textAt(referred?.value, ['spec', 'ref', 'tag']) ?? textAt(referred?.value, ['spec', 'ref', 'semver']);
    return foreignChart(release, {
      at: ['spec', 'chartRef'],
      chart: { name: url?.replace(/^.*\//, '') ?? name, version, url },
      of: `OCIRepository ${name}`,
    });
  }
  if (at(value, ['spec', 'chart', 'spec']) === undefined) {
    findings.missing(object, ['spec', 'chart'], {
      message: 'says no chart',
      remedy: 'write the folder of the chart: charts/…',
    });
    return { folder: `charts/${nameOf(value)}`, values: [] };
  }
  judgeKeys(findings, { object, path: ['spec', 'chart', 'spec'], verdicts: chartVerdicts });
  return chartOfTemplate(release, { holder: object, path: ['spec', 'chart', 'spec'], sourceOf: release.sourceOf });
}

function chartOfTemplate(
  release: Release,
  { holder, path, sourceOf }: { holder: Built; path: readonly string[]; sourceOf: Release['sourceOf'] },
): Chart {
  const { checkout, findings, home } = release;
  const name = textAt(holder.value, [...path, 'chart']) ?? '';
  const version = textAt(holder.value, [...path, 'version']);
  const kind = textAt(holder.value, [...path, 'sourceRef', 'kind']) ?? 'HelmRepository';
  const source = sourceOf([...path, 'sourceRef']);
  const url = textAt(source?.value, ['spec', 'url']) ?? textAt(source?.value, ['spec', 'endpoint']);
  const files = [
    ...textsAt(holder.value, [...path, 'valuesFiles']),
    ...(textAt(holder.value, [...path, 'valuesFile']) === undefined
      ? []
      : [textAt(holder.value, [...path, 'valuesFile']) ?? '']),
  ];
  const folder = withoutDots(name);
  if (kind === 'GitRepository' && folder !== undefined && isThisRepository({ url, folder }, { checkout, home })) {
    const values = files.flatMap((file) => withoutDots(file) ?? []);
    for (const file of values.filter((file) => !checkout.paths.has(file)))
      if (at(holder.value, [...path, 'ignoreMissingValuesFiles']) === true)
        findings.note(holder, [...path, 'valuesFiles'], {
          message: `${file} is not there, and was left out`,
          remedy: 'nothing is to be done',
        });
      else
        findings.missing(holder, [...path, 'valuesFiles'], {
          message: `${file} is not there`,
          remedy: 'bring it into the repository',
        });
    if (files.length > 0 && !values.includes(`${folder}/values.yaml`))
      findings.note(holder, [...path, 'valuesFiles'], {
        message: "the chart's own values.yaml is beneath them here, and was not there",
        remedy: 'set to null what it has and they do not',
      });
    return { folder, values: values.filter((file) => checkout.paths.has(file)) };
  }
  const whereSaid = holder === release.object ? [...path, 'chart'] : ['spec', 'chartRef'];
  const repository = url?.startsWith('oci://') === true ? `${url.replace(/\/$/, '')}/${name}` : url;
  const chart = foreignChart(release, {
    at: whereSaid,
    chart: { name, version, url: kind === 'HelmRepository' ? repository : undefined },
    of: `${kind} ${textAt(holder.value, [...path, 'sourceRef', 'name']) ?? ''}${kind === 'HelmRepository' || url === undefined ? '' : ` (${url})`}`,
  });
  return { ...chart, values: files.flatMap((file) => withoutDots(`${chart.folder}/${file}`) ?? []) };
}

function foreignChart(
  { object, findings, checkout, charts }: Release,
  {
    at: path,
    chart,
    of,
  }: { at: KeyPath; chart: { name: string; version: string | undefined; url: string | undefined }; of: string },
): Chart {
  const place = placeOfChart({ checkout, charts }, chart);
  const version = chart.version === undefined ? '' : ` ${chart.version}`;
  if (place.isThere)
    findings.note(object, path, {
      message: `chart ${chart.name}${version} of ${of} is taken from ${place.folder}, version ${place.version ?? 'unknown'}`,
      remedy: 'look whether it is that version',
    });
  else
    findings.missing(object, path, {
      message: `chart ${chart.name}${version} of ${of} is not in Git`,
      remedy:
        chart.url === undefined
          ? `bring it to ${place.folder} by a commit or an upload`
          : `${pullCommand(chart, place)}, or have CI upload it as ${place.folder}.tgz`,
    });
  return { folder: place.folder, values: [] };
}

type MakeValues = (name: string) => { paths: string[]; files: WrittenFile[] };

/** Values of the cluster's objects first, in their order, then those of the release itself: as Flux lays them over each other. */
function valuesOf({ object, findings, checkout, generated }: Release): MakeValues {
  const { value } = object;
  const found: ({ path: string } | { text: string; of: string })[] = [];
  for (const [index, from] of listAt(value, ['spec', 'valuesFrom']).entries()) {
    const path: KeyPath = ['spec', 'valuesFrom', index];
    const kind = textAt(from, ['kind']) ?? '';
    const name = textAt(from, ['name']) ?? '';
    const key = textAt(from, ['valuesKey']) ?? 'values.yaml';
    const file = generated.find((one) => one.name === name)?.files[key];
    const text =
      kind === 'ConfigMap' ? configMapText(checkout, { name, namespace: namespaceOf(value), key }) : undefined;
    if (at(from, ['targetPath']) !== undefined)
      findings.missing(object, [...path, 'targetPath'], {
        message: `one value from ${kind} ${name}, key ${key}`,
        remedy: 'write it into a file of values, in Git',
      });
    else if (file !== undefined && checkout.paths.has(file)) found.push({ path: file });
    else if (text !== undefined)
      found.push({ text, of: key === 'values.yaml' ? name : `${name}-${key.replace(/\.ya?ml$/, '')}` });
    else if (kind === 'Secret')
      findings.missing(object, path, {
        message: `values of Secret ${name}: nothing is read from Secrets`,
        remedy: 'have the chart take an existing Secret, which External Secrets makes',
      });
    else
      findings.missing(object, path, {
        message: `values of ${kind} ${name}, key ${key}: it is not in this folder`,
        remedy: 'write them into a file of values, in Git, and name it in values',
      });
  }
  const inline = fieldsAt(value, ['spec', 'values']);
  return (name) => {
    const own = valuesFile(checkout, { name, values: inline });
    const copied = found.map((one) =>
      'path' in one ? one : { path: freePath(checkout, `config/${name}-${asFileName(one.of)}.yaml`), text: one.text },
    );
    return {
      paths: [...copied, ...own].map(({ path }) => path),
      files: [...copied.flatMap((one) => ('text' in one ? [one] : [])), ...own],
    };
  };
}

/** The name of an object is what a stranger wrote: it may say `../`. */
const asFileName = (text: string): string => text.replace(/[^A-Za-z0-9_-]+/g, '-');

function configMapText(
  checkout: Checkout,
  { name, namespace, key }: { name: string; namespace: string | undefined; key: string },
): string | undefined {
  if (name === '') return undefined;
  for (const [file, text] of checkout.texts) {
    if (!text.includes('ConfigMap') || !text.includes(name)) continue;
    for (const { value } of checkout.documents(file))
      if (
        kindOf(value) === 'ConfigMap' &&
        nameOf(value) === name &&
        [undefined, namespace].includes(namespaceOf(value))
      )
        return textAt(value, ['data', key]);
  }
  return undefined;
}
