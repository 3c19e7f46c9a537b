import type { Checkout } from './checkout.ts';
import { textAt } from './values.ts';

/** A chart of a registry or a repository of charts: what is to be brought into Git, and to where. */
export interface ForeignChart {
  readonly name: string;
  readonly version: string | undefined;
  /** `https://…` of a Helm repository, or `oci://…` of the chart itself. */
  readonly url: string | undefined;
}

/** Which chart each folder of `charts/` is meant for. */
export type ChartFolders = Map<string, string>;

export interface PlaceOfChart {
  readonly folder: string;
  /** What its `Chart.yaml` says there. */
  readonly version: string | undefined;
  readonly isThere: boolean;
}

/** Where a chart of a registry is looked for in Git: one folder for each version that is asked for. */
export function placeOfChart(
  { checkout, charts }: { checkout: Checkout; charts: ChartFolders },
  chart: ForeignChart,
): PlaceOfChart {
  const name = inPath(chart.name.replace(/^.*\//, '')) || 'chart';
  const key = JSON.stringify([chart.version ?? '', chart.url ?? '']);
  const first = `charts/${name}`;
  const folder =
    (charts.get(first) ?? key) === key ? first : `charts/${inPath(chart.version ?? 'any') || 'any'}/${name}`;
  charts.set(folder, key);
  const isThere = checkout.paths.has(`${folder}/Chart.yaml`);
  const version = isThere ? textAt(checkout.documents(`${folder}/Chart.yaml`)[0]?.value, ['version']) : undefined;
  return { folder, isThere, version };
}

const inPath = (text: string): string => text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '');

/** The command that brings a chart into Git. */
export function pullCommand({ name, version, url }: ForeignChart, { folder }: PlaceOfChart): string {
  const chart = url?.startsWith('oci://') === true ? url : name;
  const repository = url !== undefined && !url.startsWith('oci://') ? ` --repo ${quoted(url)}` : '';
  const asked = version === undefined ? '' : ` --version ${quoted(version)}`;
  return `helm pull ${quoted(chart)}${repository}${asked} --untar --untardir ${folder.slice(0, folder.lastIndexOf('/'))}`;
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
