import { editYaml, UneditableYaml } from '../../../yaml/edit-yaml.ts';
import type { FieldEdit } from './field-edit.ts';
import { acceptRefused } from './observed-drift.ts';

/** A file of YAML with edits made in place. Throws `AcceptRefused` (refuse) where one cannot be. */
export function editText(
  { file, text }: { file: string; text: string },
  { document, edits }: { document: number; edits: readonly FieldEdit[] },
): string {
  try {
    return editYaml(text, edits, { document });
  } catch (error) {
    if (!(error instanceof UneditableYaml)) throw error;
    throw acceptRefused({
      subject: file,
      message: error.message,
      remedy: 'edit the file yourself; nothing was pushed',
    });
  }
}
