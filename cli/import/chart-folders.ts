import type { Checkout } from './checkout.ts';
import { textAt } from './values.ts';

/** A chart of a registry or a repository of charts: what is to be brought into Git, and to where. */
export interface ForeignChart {
  readonly name: string;
  readonly version: string | undefined;
  /** `https://…` of a Helm repository, or `oci://…` of the chart itself. */
  readonly url: string | undefined;
}

/** Where a chart of a registry is looked for in Git, and what its `Chart.yaml` says there. */
export function placeOfChart(
  checkout: Checkout,
  { name }: ForeignChart,
): { folder: string; version: string | undefined; isThere: boolean } {
  const folder = `charts/${name.replace(/^.*\//, '').replace(/[^A-Za-z0-9._-]/g, '-') || 'chart'}`;
  const isThere = checkout.paths.has(`${folder}/Chart.yaml`);
  return {
    folder,
    isThere,
    version: isThere ? textAt(checkout.documents(`${folder}/Chart.yaml`)[0]?.value, ['version']) : undefined,
  };
}

/** The command that brings a chart into Git. */
export function pullCommand({ name, version, url }: ForeignChart): string {
  const chart = url?.startsWith('oci://') === true ? url : name;
  const repository = url !== undefined && !url.startsWith('oci://') ? ` --repo ${quoted(url)}` : '';
  return `helm pull ${quoted(chart)}${repository}${version === undefined ? '' : ` --version ${quoted(version)}`} --untar --untardir charts`;
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
