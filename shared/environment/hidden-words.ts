/**
 * Why the text of a file shows none of its words, or undefined: it is in another encoding than UTF-8, or stored with
 * Git LFS. It may say anything.
 *
 * @param text its bytes, read as UTF-8
 */
export function hiddenWords(text: string): string | undefined {
  if (text.startsWith('version https://git-lfs.github.com/spec/'))
    return 'is stored with Git LFS, and the repository holds a pointer to it only: commit the file itself';
  return /[\0\uFFFD]/.test(text) ? 'is not in UTF-8: save it as UTF-8' : undefined;
}
