/** The name under which every field is applied and owned. Changing it would orphan every owned field in every cluster. */
export const fieldManager = 'converge';
