/** Whose repositories `converge import` reads. */
export const importedTools = ['flux', 'argocd'] as const;
export type ImportedTool = (typeof importedTools)[number];
export const toolNames: Readonly<Record<ImportedTool, string>> = { flux: 'Flux', argocd: 'Argo CD' };
