/**
 * Prose: sentences of the server, in which names stand between backticks.
 */
export interface IPiece {
  readonly text: string;
  readonly isCode: boolean;
}

/** The pieces of a sentence, in order. */
export function pieces(sentence: string): readonly IPiece[] {
  return sentence
    .split(/`([^`\n]+)`/)
    .map((text, index) => ({ text, isCode: index % 2 === 1 }))
    .filter(({ text }) => text);
}
