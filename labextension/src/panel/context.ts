/**
 * Context: what every part of the panel needs, handed down by React.
 */
import { nullTranslator } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { createContext, useContext } from 'react';

export const Trans = createContext<TranslationBundle>(nullTranslator.load('nb2prod'));

export function useTrans(): TranslationBundle {
  return useContext(Trans);
}

/** Execute one of our commands; does nothing where its plug-in is disabled. */
export type Execute = (command: string, args?: ReadonlyPartialJSONObject) => void;

export const Commands = createContext<Execute>(() => undefined);

export function useCommands(): Execute {
  return useContext(Commands);
}
