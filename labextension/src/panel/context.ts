/**
 * Context: what every part of the panel needs, handed down by React.
 */
import { nullTranslator } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';
import { createContext, useContext } from 'react';

export const Trans = createContext<TranslationBundle>(nullTranslator.load('nb2prod'));

export function useTrans(): TranslationBundle {
  return useContext(Trans);
}
