import type { EnvironmentSource } from '../environment/environment-file.ts';
import type { Inputs } from '../environment/inputs.ts';
import type { RenderedHook, RenderedObject } from '../objects/kubernetes-object.ts';
import type { LookupQuery } from '../objects/lookup-query.ts';
import type { AbsentEntry, PartialCheckout } from './git.ts';

export interface RenderRequest {
  /** The local folder that holds the repository's tree; nothing outside it is read. */
  readonly root: string;
  /** What of the tree the folder lacks: whoever reads it fails. */
  readonly absent: readonly AbsentEntry[];
  /** Asked for what of the tree is not in the folder yet; undefined: all is. What it throws ends the render. */
  readonly partial?: PartialCheckout;
  readonly sources: readonly EnvironmentSource[];
  readonly namespace: string;
  /** The cluster's own, like `v1.36.3`. */
  readonly kubernetesVersion: string;
  /** What the cluster serves, as Helm's `.Capabilities.APIVersions` lists it: `apps/v1` and `apps/v1/Deployment`. */
  readonly apiVersions: readonly string[];
  readonly limits: { readonly seconds: number; readonly mebibytes: number };
  /** Asked where a template draws random values or reads the clock. */
  readonly seed: () => Promise<RenderSeed>;
  /** Asked where a template looks something up; undefined: templates may not. */
  readonly lookup: ((query: LookupQuery) => Promise<LookupAnswer>) | undefined;
}

/** What an environment's random values are made from, and the time at which its clock stands: ISO 8601. */
export interface RenderSeed {
  /** Base64 of 16 bytes or more. */
  readonly seed: string;
  readonly time: string;
}

/** An object, a list, or null where the cluster has no such object; or why that cannot be asked. */
export type LookupAnswer = { readonly found: unknown } | { readonly refused: string };

export interface Render {
  readonly objects: readonly RenderedObject[];
  /** Helm hooks other than `test`, which are never rendered for apply. */
  readonly hooks: readonly RenderedHook[];
  /** Every file that was read, sorted, from the repository's root. */
  readonly reads: readonly string[];
  /** Characters of it all as JSON. */
  readonly size: number;
  /**
   * Of each object and hook, the index of its source in the request; only where sources share a file, which then does
   * not tell them apart.
   */
  readonly madeBy?: { readonly objects: readonly number[]; readonly hooks: readonly number[] };
}

export interface Renderer {
  /** Another one may render otherwise. Throws `BadConfiguration` (refuse) where the program is missing. */
  version(): Promise<string>;
  /**
   * Renders all sources in their order. Throws `RenderFailed` (refuse) with the library's own message, chart and file,
   * for input that does not render, and where the limits of time or memory are hit, or more is written than an eighth
   * of the latter, with what was read until then (`reads`); and whatever `seed` or `lookup` throw.
   */
  render(request: RenderRequest): Promise<Render>;
  /** Renders that this instance keeps. */
  readonly kept: KeptRenders;
}

export interface KeptRender {
  /** The Git object ids of what it read beside the paths that its key covers. */
  readonly inputs: Inputs;
  /** What it asked of the cluster, each question with a hash of the answer. */
  readonly answers: readonly { readonly question: RenderQuestion; readonly hash: string }[];
  readonly render: Render;
}

export type RenderQuestion = { readonly asks: 'seed' } | { readonly asks: 'lookup'; readonly query: LookupQuery };

/** A bounded memory: what was used longest ago is given up first. */
export interface KeptRenders {
  /** The renders kept under a key; which of them still holds is for the caller to find out. */
  find(key: string): readonly KeptRender[];
  keep(key: string, render: KeptRender): void;
}
