import type { Checkout } from './checkout.ts';
import type { Findings } from './findings.ts';
import type { ImportedTool } from './tools.ts';

/** Annotations and labels of objects that say nothing here, by the tool that heeds them, and what to write instead. */
const marks: Readonly<
  Record<ImportedTool, readonly { readonly pattern: RegExp; readonly message: string; readonly remedy: string }[]>
> = {
  flux: [
    {
      pattern: /kustomize\.toolkit\.fluxcd\.io\/(prune)/,
      message: 'says nothing here',
      remedy: 'converge.dev/prune: "false" where it is disabled',
    },
    {
      pattern: /kustomize\.toolkit\.fluxcd\.io\/(force)/,
      message: 'says nothing here',
      remedy: 'converge.dev/replace: "true" where it is enabled',
    },
    {
      pattern: /kustomize\.toolkit\.fluxcd\.io\/(reconcile|ssa|substitute)/,
      message: 'says nothing here',
      remedy: 'leave fields to others by `ignore`, or take the object out of the folder',
    },
  ],
  argocd: [
    {
      pattern: /argocd\.argoproj\.io\/(sync-wave)/,
      message: 'no number orders objects',
      remedy:
        'nothing, for the order of kinds; helm.sh/hook for a Job between two steps; two environments and dependsOn where one part must be healthy first',
    },
    {
      pattern: /argocd\.argoproj\.io\/(hook-delete-policy)/,
      message: 'says nothing here',
      remedy: 'helm.sh/hook-delete-policy: hook-succeeded, hook-failed or before-hook-creation',
    },
    {
      pattern: /argocd\.argoproj\.io\/(hook)(?![-\w])/,
      message: 'says nothing here: the object would be applied as any other',
      remedy:
        'helm.sh/hook: pre-install,pre-upgrade for PreSync, post-install,post-upgrade for PostSync; nothing for Sync',
    },
    {
      pattern: /argocd\.argoproj\.io\/(sync-options)/,
      message: 'says nothing here',
      remedy:
        'converge.dev/prune: "false" for Prune=false and Delete=false, converge.dev/replace: "true" for Replace=true and Force=true',
    },
    {
      pattern: /argocd\.argoproj\.io\/(compare-options|ignore-healthcheck|ignore-resource-updates)/,
      message: 'says nothing here',
      remedy: 'leave fields to others by `ignore`, and judge health by a rule of `health`',
    },
    {
      pattern: /notifications\.argoproj\.io\/(subscribe[-.\w]*)/,
      message: 'nobody subscribes by an annotation',
      remedy: "metadata.labels of the environment, and `only` of a sink in the operator's configuration",
    },
  ],
};

/** Tells each line of a file that marks an object for the tool, templates of charts among them. */
export function tellMarks(
  tool: ImportedTool,
  { checkout, findings }: { checkout: Checkout; findings: Findings },
): void {
  for (const [file, text] of checkout.texts) {
    if (
      !/argoproj\.io\/|kustomize\.toolkit\.fluxcd\.io\//.test(text) ||
      /^kind: *["']?CustomResourceDefinition/m.test(text)
    )
      continue;
    for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
      if (/^\s*#/.test(line)) continue;
      for (const { pattern, message, remedy } of marks[tool]) {
        const found = pattern.exec(line);
        if (found !== null)
          findings.missingIn({ file, line: index + 1, key: found[0], message: `${message} (${shown(line)})`, remedy });
      }
    }
  }
}

const shown = (line: string): string => {
  const text = line.trim();
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
};
