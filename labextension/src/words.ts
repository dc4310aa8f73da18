/**
 * Words: states, steps and numbers as people read them.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ShownState } from './journal';
import type { ITrouble } from './asking';
import type { IReproduction, ITally, Sameness } from './deployment';
import type { IPlace } from './finding';
import type { RunState, Verb } from './tokens';

export function stateWord(trans: TranslationBundle, state: ShownState): string {
  const words: Readonly<Record<ShownState, string>> = {
    pending: trans.__('to run'),
    stale: trans.__('stale'),
    kept: trans.__('kept'),
    running: trans.__('running'),
    done: trans.__('done'),
    reused: trans.__('reused'),
    failed: trans.__('failed'),
    skipped: trans.__('not run')
  };
  return words[state];
}

/** What a step of Ship does, in the words of a data scientist. */
export function stepWord(trans: TranslationBundle, step: string): string {
  const words: Readonly<Record<string, string>> = {
    check: trans.__('Check the notebook'),
    run: trans.__('Run the pipeline'),
    verify: trans.__('Compare with a run straight through'),
    baseline: trans.__('Compare with a baseline'),
    package: trans.__('Package the service'),
    rehearse: trans.__('Rehearse in a clean process'),
    release: trans.__('Keep the release'),
    serve: trans.__('Start the service')
  };
  return words[step] ?? step;
}

export function runWord(trans: TranslationBundle, verb: Verb, state: RunState): string {
  const words: Readonly<Record<Verb, Readonly<Record<RunState, string>>>> = {
    ship: {
      running: trans.__('Shipping …'),
      done: trans.__('Shipped'),
      failed: trans.__('Not shipped'),
      cancelled: trans.__('Ship was cancelled'),
      lost: trans.__('Ship was interrupted')
    },
    run: {
      running: trans.__('Running …'),
      done: trans.__('Pipeline ran'),
      failed: trans.__('Run failed'),
      cancelled: trans.__('Run was cancelled'),
      lost: trans.__('Run was interrupted')
    }
  };
  return words[verb][state];
}

/** A release among those of its notebook: its name without the notebook's and the day. */
export function amongOwn(release: string): string {
  return release.replace(/^.*-\d{8}-(?=\d{6}-)/, '');
}

/** What came of making a release again. */
export function samenessWord(trans: TranslationBundle, { state, step, result }: IReproduction): string {
  const words: Readonly<Record<Sameness, string>> = {
    'same bits': trans.__('Reproduced: the same bits'),
    'same model': trans.__('Reproduced: the same model'),
    'same metrics': trans.__('Reproduced: another model with the same metrics'),
    different: trans.__('Not reproduced: other metrics')
  };
  if (state === 'running') {
    return step ? trans.__('Reproducing … %1', step) : trans.__('Reproducing …');
  }
  if (result?.verdict) {
    return words[result.verdict];
  }
  const error = result?.error;
  return error
    ? trans.__('Not reproduced: %1 %2', error.message, error.cure)
    : trans.__('Reproducing ended without a word. Start it again.');
}

/** What a release does in a deployment. */
export function roleWord(trans: TranslationBundle, role: ITally['role']): string {
  const words: Readonly<Record<ITally['role'], string>> = {
    live: trans.__('live'),
    canary: trans.__('canary'),
    shadow: trans.__('shadow'),
    standby: trans.__('standby')
  };
  return words[role];
}

export function duration(trans: TranslationBundle, seconds: number): string {
  if (Math.round(seconds) >= 60) {
    return trans.__('%1 min %2 s', Math.floor(Math.round(seconds) / 60), Math.round(seconds) % 60);
  }
  return trans.__('%1 s', seconds < 10 ? seconds.toFixed(1) : Math.round(seconds));
}

export function milliseconds(trans: TranslationBundle, value: number): string {
  return trans.__('%1 ms', value < 10 ? value.toFixed(1) : Math.round(value));
}

/** How long ago something was, as people say it; further back than a week, the day. */
export function ago(trans: TranslationBundle, at: number, now = Date.now() / 1000): string {
  const minutes = Math.floor((now - at) / 60);
  if (minutes < 1) {
    return trans.__('just now');
  }
  if (minutes < 60) {
    return trans._n('%1 minute ago', '%1 minutes ago', minutes);
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    return trans._n('%1 hour ago', '%1 hours ago', hours);
  }
  const days = Math.floor(hours / 24);
  return days < 8 ? trans._n('%1 day ago', '%1 days ago', days) : new Date(at * 1000).toLocaleDateString();
}

/** A size as people read it, in steps of a thousand. */
export function size(trans: TranslationBundle, bytes: number): string {
  if (bytes < 1000) {
    return trans.__('%1 B', bytes);
  }
  const step = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const number = Number((bytes / 1000 ** step).toPrecision(3)).toString();
  const sizes = [
    trans.__('%1 kB', number),
    trans.__('%1 MB', number),
    trans.__('%1 GB', number),
    trans.__('%1 TB', number)
  ];
  return sizes[step - 1];
}

/** Four significant digits, as metrics are compared. */
export function metric(value: number): string {
  return Number.isInteger(value) ? String(value) : Number(value.toPrecision(4)).toString();
}

/** Where something is, or an empty text. */
export function placeWord(trans: TranslationBundle, place: IPlace): string {
  if (place.cell !== null) {
    return trans.__('Cell %1', place.cell + 1);
  }
  return place.stage === null ? '' : trans.__('Stage %1', place.stage);
}

/** What happened and what to do, when the server could not be asked. */
export function troubleWords(trans: TranslationBundle, { fault, status }: ITrouble): readonly [string, string] {
  if (status === 0) {
    return [
      trans.__('The Jupyter server does not answer.'),
      trans.__('What was started goes on; this page catches up when the server is back.')
    ];
  }
  if (status === 404 && !fault.message) {
    return [
      trans.__('This Jupyter server has no nb2prod.'),
      trans.__('Install it where the server runs (pip install nb2prod) and restart the server.')
    ];
  }
  if (status === 403) {
    return [
      trans.__('The Jupyter server refuses this.'),
      trans.__('Log in again, or ask its administrator for the right to use nb2prod.')
    ];
  }
  return [
    fault.message || trans.__('The Jupyter server failed with status %1.', status),
    fault.cure || trans.__('The server log says more.')
  ];
}
