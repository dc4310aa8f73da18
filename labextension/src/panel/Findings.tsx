/**
 * Findings: what is wrong, where it is and what to do; a click leads to the cell.
 */
import type { JSX } from 'react';
import type { IFault, IFinding, IFix, IPlace } from '../finding';
import { placeWord } from '../words';
import { Prose } from './Prose';
import { useTrans } from './context';

type Reveal = (place: IPlace) => void;

export interface IFindingsProps {
  readonly findings: readonly IFinding[];
  readonly onReveal: Reveal;
  readonly onFix: (fix: IFix) => void;
}

export function Findings({ findings, onReveal, onFix }: IFindingsProps): JSX.Element {
  return (
    <ul className="jp-nb2prod-Findings">
      {findings.map((finding, index) => (
        <Item
          key={`${index}${finding.code}`}
          item={finding}
          severity={finding.severity}
          detail={null}
          fixes={finding.fixes}
          onReveal={onReveal}
          onFix={onFix}
        />
      ))}
    </ul>
  );
}

export function Faults({
  faults,
  onReveal
}: {
  readonly faults: readonly IFault[];
  readonly onReveal: Reveal;
}): JSX.Element {
  return (
    <div role="alert">
      <ul className="jp-nb2prod-Findings">
        {faults.map((fault, index) => (
          <Item key={`${index}${fault.code}`} item={fault} severity="error" detail={fault.detail} onReveal={onReveal} />
        ))}
      </ul>
    </div>
  );
}

interface IItemProps {
  readonly item: IPlace & {
    readonly code: string | null;
    readonly message: string;
    readonly cure: string;
  };
  readonly severity: 'error' | 'warning';
  readonly detail: string | null;
  readonly fixes?: readonly IFix[];
  readonly onReveal: Reveal;
  readonly onFix?: (fix: IFix) => void;
}

function Item({ item, severity, detail, fixes, onReveal, onFix }: IItemProps): JSX.Element {
  const trans = useTrans();
  const place = placeWord(trans, item);
  return (
    <li className="jp-nb2prod-Finding" data-severity={severity} data-code={item.code}>
      <div className="jp-nb2prod-Finding-head">
        <span className="jp-nb2prod-Finding-severity">
          {severity === 'error' ? trans.__('Error') : trans.__('Warning')}
        </span>
        {item.code && <span className="jp-nb2prod-Finding-code">{item.code}</span>}
        {place &&
          (item.cell === null && item.cell_id === null ? (
            <span>{place}</span>
          ) : (
            <button className="jp-nb2prod-Link" onClick={() => onReveal(item)} aria-label={trans.__('Go to %1', place)}>
              {place}
            </button>
          ))}
      </div>
      <p>
        <Prose text={item.message} />
      </p>
      {item.cure && (
        <p className="jp-nb2prod-Finding-cure">
          <Prose text={item.cure} />
        </p>
      )}
      {fixes && fixes.length > 0 && onFix && (
        <div className="jp-nb2prod-Finding-fixes">
          {fixes.map(fix => (
            <button key={fix.title} className="jp-nb2prod-Button" onClick={() => onFix(fix)}>
              {fix.title}
            </button>
          ))}
        </div>
      )}
      {detail && (
        <details className="jp-nb2prod-Fold">
          <summary>{trans.__('Details')}</summary>
          <pre tabIndex={0}>{detail}</pre>
        </details>
      )}
    </li>
  );
}
