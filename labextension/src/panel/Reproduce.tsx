/**
 * Reproduce: make a release again from its record, and tell what of it is the same.
 */
import type { JSX } from 'react';
import type { Releases } from '../releases';
import { samenessWord } from '../words';
import { Sign } from './Sign';
import { useTrans } from './context';

interface IReproduceProps {
  readonly release: string;
  readonly releases: Releases;
}

interface IButtonProps extends IReproduceProps {
  readonly className: string;
  readonly waits: boolean;
}

export function Reproduce({ release, releases, waits, className }: IButtonProps): JSX.Element {
  const trans = useTrans();
  return (
    <button
      className={className}
      title={trans.__('Make this release again from its record, and compare')}
      aria-label={trans.__('Reproduce %1', release)}
      disabled={waits || releases.reproduction(release)?.state === 'running'}
      onClick={() => void releases.reproduce(release)}
    >
      {trans.__('Reproduce')}
    </button>
  );
}

export function Sameness({ release, releases }: IReproduceProps): JSX.Element | null {
  const trans = useTrans();
  const found = releases.reproduction(release);
  if (!found) {
    return null;
  }
  const ended = found.result?.ok ? 'done' : 'failed';
  const state = found.state === 'running' ? 'running' : ended;
  return (
    <p className="jp-nb2prod-Sameness" role="status" data-state={state} data-verdict={found.result?.verdict}>
      <Sign state={state} />
      <span>{samenessWord(trans, found)}</span>
    </p>
  );
}
